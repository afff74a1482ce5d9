package twiliosim_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

// A replay is the captured request over again, to the byte.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"POST", "GET"} {
		for _, through := range []string{"directly", "through a tunnel", "to an address"} {
			t.Run(method+" "+through, func(t *testing.T) {
				t.Parallel()
				rec := newRecorder(t)
				configured := rec.URL + "/hook?a=b"
				s := newSim(t, func(o *twiliosim.Options) {
					if through == "through a tunnel" {
						configured, o.DeliverTo = "https://textme.example/hook?a=b", rec.URL
					}
				})
				if _, err := s.api.UpdateConfigurationWebhook((&conv.UpdateConfigurationWebhookParams{}).
					SetMethod(method).SetFilters([]string{"onMessageAdded"}).SetPostWebhookUrl(configured)); err != nil {
					t.Fatal(err)
				}
				s.join(s.conversation("replayed"), phone, sender)
				s.text(phone, sender, "Hello & goodbye")
				s.settle()
				captured := s.Webhooks()
				if len(captured) != 1 {
					t.Fatalf("%d webhooks", len(captured))
				}
				address := ""
				if through == "to an address" {
					address = rec.URL + "/elsewhere"
				}
				for range 2 {
					status, err := s.Replay(t.Context(), captured[0], address)
					if err != nil || status != http.StatusNoContent {
						t.Fatalf("replay: %d, %v", status, err)
					}
				}
				got := rec.all()
				if len(got) != 3 {
					t.Fatalf("%d requests, want 3", len(got))
				}
				want := got[0]
				if address != "" && method == http.MethodPost {
					want.uri = "/elsewhere" // a GET carries its parameters there
				}
				for _, again := range got[1:] {
					if diff := cmp.Diff(want, again, cmp.AllowUnexported(received{})); diff != "" {
						t.Errorf("request (-want +replayed):\n%s", diff)
					}
				}
				if n := len(s.Webhooks()); n != 1 {
					t.Errorf("%d webhooks in the log, want 1", n)
				}
			})
		}
	}
}

func TestReplayWithoutAnswer(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	rec := s.listen("onMessageAdded")
	s.join(s.conversation("replayed"), phone, sender)
	s.text(phone, sender, "Hello")
	s.settle()
	rec.Close()
	for name, address := range map[string]string{"gone": "", "no address": "://"} {
		if status, err := s.Replay(t.Context(), s.Webhooks()[0], address); err == nil || status != 0 {
			t.Errorf("%s: got %d, %v, want an error", name, status, err)
		}
	}
}
