package twilio

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
	"textme/twilio/twiliosim"
)

const (
	testService = "IS" + hex32
	testFile    = "ME" + hex32
)

// A list of texts says which service keeps their files, though the API's does not.
// Only a text with a file costs the call for that, and none does where the service is
// a setting.
func TestListedFilesKnowTheirService(t *testing.T) {
	t.Parallel()
	sim, c := newSim(t)
	ctx := within(t)
	sid := conversation(t, c, "textme-1")
	p, err := c.AddParticipant(ctx, sid, customer, sender)
	if err != nil {
		t.Fatal(err)
	}
	phone := sim.Handset(string(customer))
	fetches := func() int { return sim.Calls()["GET /v1/Conversations/{ConversationSid}"] }
	if _, err := phone.Text(string(sender), "no file"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.MessagesAfter(ctx, sid, -1); err != nil || len(got) != 1 || got[0].Media != nil || fetches() != 0 {
		t.Errorf("without a file: %+v, %v, the conversation fetched %d times", got, err, fetches())
	}
	text, err := phone.Text(string(sender), "", twiliosim.File{Name: "x-ray.jpg", Type: "image/jpeg", Size: 81920})
	if err != nil {
		t.Fatal(err)
	}
	own := newClient(t, c.base.String(), func(cfg *Config) { cfg.ServiceSID = sim.ServiceSID() })
	want := []chat.File{{SID: text.Files[0].SID, Service: sim.ServiceSID(), Name: "x-ray.jpg", Type: "image/jpeg", Size: 81920}}
	for name, client := range map[string]*Client{"the account's default service": c, "a service of its own": own} {
		got, err := client.MessagesAfter(ctx, sid, 0)
		if err != nil || len(got) != 1 || got[0].Participant != p.SID {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		if diff := cmp.Diff(want, chat.ReadMedia(got[0].Media)); diff != "" {
			t.Errorf("%s: listed (-want +got):\n%s", name, diff)
		}
		one, err := client.FetchMessage(ctx, sid, got[0].SID)
		if diff := cmp.Diff(want, chat.ReadMedia(one.Media)); err != nil || diff != "" {
			t.Errorf("%s: fetched, %v (-want +got):\n%s", name, err, diff)
		}
	}
	if n := fetches(); n != 2 {
		t.Errorf("the conversation was fetched %d times, want once for each answer of the default service", n)
	}
}

// A file's address is made of two SIDs and nothing else, at the Media service of the
// region, or where the simulator is.
func TestFileURL(t *testing.T) {
	t.Parallel()
	const path = "/v1/Services/" + testService + "/Media/" + testFile + "/Content"
	sound := chat.File{SID: testFile, Service: testService, Name: "../x.jpg"}
	tests := map[string]struct {
		cfg  Config
		file chat.File
		want string
	}{
		"default":          {Config{}, sound, "https://mcs.us1.twilio.com" + path},
		"region":           {Config{Region: "ie1"}, sound, "https://mcs.ie1.twilio.com" + path},
		"edge and region":  {Config{Edge: "dublin", Region: "ie1"}, sound, "https://mcs.ie1.twilio.com" + path},
		"edge":             {Config{Edge: "ashburn"}, sound, "https://mcs.us1.twilio.com" + path},
		"simulator":        {Config{BaseURL: "http://127.0.0.1:8081/"}, sound, "http://127.0.0.1:8081" + path},
		"no service":       {Config{}, chat.File{SID: testFile}, ""},
		"no file":          {Config{}, chat.File{Service: testService}, ""},
		"another resource": {Config{}, chat.File{SID: testCH, Service: testService}, ""},
		"a path":           {Config{}, chat.File{SID: "ME/../../" + hex32[:25], Service: testService}, ""},
		"a host":           {Config{}, chat.File{SID: testFile, Service: "IS@evil.example/" + hex32[:18]}, ""},
		"a line more":      {Config{}, chat.File{SID: testFile + "\n", Service: testService}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, tt.cfg.BaseURL, func(cfg *Config) { cfg.Edge, cfg.Region = tt.cfg.Edge, tt.cfg.Region })
			got := c.FileURL(tt.file)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if strings.Contains(got, testAccount) || strings.Contains(got, testToken) {
				t.Errorf("%q holds credentials", got)
			}
		})
	}
}

// Every file is told its service, whatever else stands in the list.
func TestMediaJSON(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ media, service, want string }{
		"none":         {`[]`, testService, ``},
		"two":          {`[{"sid":"ME1"},{"sid":"ME2"}]`, testService, `[{"service_sid":"` + testService + `","sid":"ME1"},{"service_sid":"` + testService + `","sid":"ME2"}]`},
		"other things": {`["ME1",7,null,[]]`, testService, `["ME1",7,null,[]]`},
		"read back":    {`[{"service_sid":"IS1"}]`, ``, `[{"service_sid":"IS1"}]`},
		"no SID":       {`[{"sid":"ME1"}]`, `//evil.example`, `[{"sid":"ME1"}]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var files []any
			if err := json.Unmarshal([]byte(tt.media), &files); err != nil {
				t.Fatal(err)
			}
			if got := string(mediaJSON(files, tt.service)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
