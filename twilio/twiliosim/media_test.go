package twiliosim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/twilio/twiliosim"
)

// An MMS is one message: its files are listed by the API, and in every webhook in
// the way of that one.
func TestFiles(t *testing.T) {
	t.Parallel()
	classic := newRecorder(t)
	s := newSim(t, func(o *twiliosim.Options) { o.InboundSMS = map[string]string{sender: classic.URL} })
	rec := s.listen("onMessageAdded")
	ch := s.conversation("pictures")
	s.join(ch, phone, sender)
	h := s.Handset(phone)
	sent, err := h.Text(sender, "", twiliosim.File{Name: "x-ray.jpg", Type: "image/jpeg", Size: 81920}, twiliosim.File{Type: "audio/amr", Size: 7})
	if err != nil {
		t.Fatal(err)
	}
	s.settle()
	first, second := sent.Files[0].SID, sent.Files[1].SID
	if !strings.HasPrefix(sent.ID, "MM") || len(first) != 34 || first[:2] != "ME" || first == second {
		t.Errorf("sent %+v, want an MM and two ME", sent)
	}
	m, err := s.api.FetchConversationMessage(ch, sent.MessageSID)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		map[string]any{"category": "media", "sid": first, "size": 81920.0, "content_type": "image/jpeg", "filename": "x-ray.jpg"},
		map[string]any{"category": "media", "sid": second, "size": 7.0, "content_type": "audio/amr", "filename": nil},
	}
	if diff := cmp.Diff(want, *m.Media); diff != "" || m.Body != nil {
		t.Errorf("the API has %v (-want +got):\n%s", m.Body, diff)
	}
	const told = `[{"Category":"media","ContentType":"image/jpeg","Filename":"x-ray.jpg","Sid":"%s","Size":81920},` +
		`{"Category":"media","ContentType":"audio/amr","Filename":null,"Sid":"%s","Size":7}]`
	if got := rec.events()[0].Get("Media"); got != fmt.Sprintf(told, first, second) {
		t.Errorf("the webhook has %s", got)
	}
	e := classic.events()[0]
	if got := e.Get("NumMedia") + e.Get("MediaContentType1") + e.Get("MediaUrl1"); !strings.HasPrefix(got, "2audio/amrhttps://api.twilio.com/") || !strings.HasSuffix(got, "/Messages/"+sent.ID+"/Media/"+second) {
		t.Errorf("the classic webhook has %s", got)
	}
	for name, files := range map[string][]twiliosim.File{
		"no type": {{Size: 1}}, "no size": {{Type: "image/png"}}, "too large": {{Type: "image/png", Size: 5e6}, {Type: "image/png", Size: 1}},
		"too many": slices.Repeat([]twiliosim.File{{Type: "image/png", Size: 1}}, 11),
	} {
		if _, err := h.Text(sender, "look", files...); err == nil {
			t.Errorf("%s: the text was sent", name)
		}
	}
}
