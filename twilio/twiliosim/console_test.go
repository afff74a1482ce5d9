package twiliosim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

// What others do to the account follows the API's rules and, as they like,
// raises webhooks or not.
func TestConsole(t *testing.T) {
	t.Parallel()
	type console = twiliosim.Console
	tests := []struct {
		name   string
		act    func(c console, ch, mb string) error
		state  string // after; empty: deleted
		seats  int
		events []string
	}{
		{
			"close", func(c console, ch, _ string) error { return c.Close(ch) },
			"closed", 1,
			[]string{"onConversationUpdated", "onConversationStateUpdated"},
		},
		{
			"close by name", func(c console, _, _ string) error { return c.Close("ours") },
			"closed", 1,
			[]string{"onConversationUpdated", "onConversationStateUpdated"},
		},
		{
			"delete", func(c console, ch, _ string) error { return c.Delete(ch) },
			"", 0,
			[]string{"onConversationRemoved"},
		},
		{
			"remove participant", func(c console, ch, mb string) error { return c.RemoveParticipant(ch, mb) },
			"active", 0,
			[]string{"onParticipantRemoved"},
		},
		{
			"add", func(c console, ch, _ string) error { _, err := c.Add(ch, phone2, sender); return err },
			"active", 2,
			[]string{"onParticipantAdded"},
		},
		{
			"post", func(c console, ch, _ string) error { _, err := c.Post(ch, "colleague", "Hi"); return err },
			"active", 1,
			[]string{"onMessageAdded"},
		},
		{
			"timers", func(c console, ch, _ string) error { return c.SetTimers(ch, time.Minute, time.Hour) },
			"active", 1,
			[]string{"onConversationUpdated"},
		},
		{
			"foreign", func(c console, _, _ string) error {
				_, _, err := c.Foreign("theirs", `{"owner":"crm"}`, phone2, sender)
				return err
			},
			"active", 1,
			[]string{"onConversationAdded", "onParticipantAdded"},
		},
	}
	for _, tt := range tests {
		for _, loud := range []bool{true, false} {
			name := tt.name + " in silence"
			if loud {
				name = tt.name + " with webhooks"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newSim(t)
				var listened []string
				for _, e := range everything {
					if e != "onDeliveryUpdated" { // which nobody can silence
						listened = append(listened, e)
					}
				}
				rec := s.listen(listened...)
				ch := s.conversation("ours")
				mb := s.join(ch, phone, sender)
				calls := s.Traffic().Calls
				// None of these is for the console.
				s.SetDown(twiliosim.DownUnavailable)
				s.RefuseAccount(50373)
				if err := tt.act(s.Console(loud), ch, mb); err != nil {
					t.Fatal(err)
				}
				s.settle()
				c, exists := s.Conversation(ch)
				if exists != (tt.state != "") || c.State != tt.state || len(s.Participants(ch)) != tt.seats {
					t.Errorf("exists %v, state %q, %d participants", exists, c.State, len(s.Participants(ch)))
				}
				want := tt.events
				if !loud {
					want = []string{}
				}
				if diff := cmp.Diff(want, rec.types()); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if n := s.Traffic().Calls; n != calls {
					t.Errorf("counted as %d calls", n-calls)
				}
			})
		}
	}
}

func TestConsoleIsRefused(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	c := s.Console(false)
	ch := s.conversation("closed")
	s.join(s.conversation("holder"), phone, sender)
	if err := c.Close(ch); err != nil {
		t.Fatal(err)
	}
	_, _, foreign := c.Foreign("theirs", "", phone, sender)
	_, _, named := c.Foreign("holder", "", phone2, sender)
	_, add := c.Add(ch, phone2, sender)
	_, post := c.Post(ch, "x", "Hi")
	for _, tt := range []struct {
		name string
		err  error
		code string
	}{
		{"close twice", c.Close(ch), "50377"},
		{"delete what is not there", c.Delete("gone"), "20404"},
		{"remove who is not there", c.RemoveParticipant(ch, "MB1"), "20404"},
		{"timers too short", c.SetTimers("holder", time.Second, 0), "50375"},
		{"foreign with a pair that is taken", foreign, "50416"},
		{"foreign with a name that is taken", named, "50353"},
		{"add to a closed one", add, "50377"},
		{"post to a closed one", post, "50377"},
		{"autocreate for no number", c.SetAutocreate("nonsense", twiliosim.AutoCreation{}), "20001"},
	} {
		if tt.err == nil || !strings.HasPrefix(tt.err.Error(), tt.code+": ") {
			t.Errorf("%s: %v, want %s", tt.name, tt.err, tt.code)
		}
	}
	// A pair that is taken leaves nothing behind.
	if _, exists := s.Conversation("theirs"); exists {
		t.Error("a foreign conversation without its pair was left behind")
	}
}

// A foreign conversation is what the API shows of somebody else's.
func TestForeign(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch, mb, err := s.Console(false).Foreign("crm-77", `{"owner":"crm"}`, phone, sender)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := s.Conversation(ch)
	p := s.Participants(ch)
	if c.UniqueName != "crm-77" || c.Attributes != `{"owner":"crm"}` || len(p) != 1 || p[0].SID != mb || p[0].Address != phone || p[0].ProxyAddress != sender {
		t.Errorf("conversation %+v with %+v", c, p)
	}
	_, err = s.api.CreateConversationParticipant(s.conversation("ours"), binding(phone, sender))
	if codeOf(err) != 50416 || !strings.Contains(err.Error(), ch) {
		t.Errorf("add: %v, want 50416 naming %s", err, ch)
	}
}

// Autocreation is set up once and changed after that.
func TestConsoleSetsAutocreate(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	hook := newRecorder(t)
	into := func() bool { return s.text(phone, sender, "Hello").MessageSID != "" }
	if into() {
		t.Error("a conversation was made before autocreation was on")
	}
	if err := s.Console(false).SetAutocreate(sender, twiliosim.AutoCreation{
		Enabled: true, Type: "webhook", ServiceSID: s.ServiceSID(), WebhookURL: hook.URL, WebhookMethod: "POST", WebhookFilters: []string{"onMessageAdded"},
	}); err != nil {
		t.Fatal(err)
	}
	if !into() {
		t.Error("no conversation was made")
	}
	s.settle()
	if diff := cmp.Diff([]string{"onMessageAdded"}, hook.types()); diff != "" {
		t.Errorf("scoped webhook (-want +got):\n%s", diff)
	}
	if err := s.Console(false).SetAutocreate(sender, twiliosim.AutoCreation{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Console(false).Close(s.Conversations()[0].SID); err != nil {
		t.Fatal(err)
	}
	if into() {
		t.Error("a conversation was made after autocreation was off")
	}
}

// A conversation of another service is found by its SID.
func TestConsoleInAnotherService(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	is, err := s.api.CreateService((&conv.CreateServiceParams{}).SetFriendlyName("other"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.api.CreateServiceConversation(*is.Sid, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Console(false).Close(*made.Sid); err != nil {
		t.Fatal(err)
	}
	if c, _ := s.Conversation(*made.Sid); c.State != "closed" {
		t.Errorf("state %q", c.State)
	}
}
