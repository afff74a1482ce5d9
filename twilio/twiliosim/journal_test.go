package twiliosim_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

// view is everything a restart must not change.
type view struct {
	Service       string
	Conversations []twiliosim.Conversation
	Participants  map[string][]twiliosim.Participant
	Messages      map[string][]twiliosim.Message
	Receipts      map[string][]twiliosim.Receipt
	Texts         map[string][]twiliosim.Text
	Lost          map[string][]twiliosim.Text
	OptOuts       []twiliosim.OptOut
	API           map[string]string
}

func look(t *testing.T, s *twiliosim.Server) view {
	t.Helper()
	v := view{
		Service: s.ServiceSID(), Conversations: s.Conversations(), OptOuts: s.OptOuts(),
		Participants: map[string][]twiliosim.Participant{}, Messages: map[string][]twiliosim.Message{},
		Receipts: map[string][]twiliosim.Receipt{}, Texts: map[string][]twiliosim.Text{}, Lost: map[string][]twiliosim.Text{}, API: map[string]string{},
	}
	paths := []string{"/v1/Conversations", "/v1/Services", "/v1/Configuration", "/v1/Configuration/Webhooks", "/v1/Configuration/Addresses"}
	for _, c := range v.Conversations {
		v.Participants[c.SID] = s.Participants(c.SID)
		v.Messages[c.SID] = s.Messages(c.SID)
		paths = append(paths, "/v1/Conversations/"+c.SID+"/Webhooks")
		for _, m := range v.Messages[c.SID] {
			v.Receipts[m.SID] = s.Receipts(m.SID)
		}
	}
	for _, h := range s.Handsets() {
		v.Texts[h.Phone()], v.Lost[h.Phone()] = h.Texts(), h.Lost()
	}
	for _, p := range paths {
		v.API[p] = do(t, s, "GET", p, "").Body.String()
	}
	return v
}

// live fills a simulator with one of everything, and deletes one of everything.
func live(t *testing.T, s *sim) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s.listen("onDeliveryUpdated")
	is, err := s.api.CreateService((&conv.CreateServiceParams{}).SetFriendlyName("goes"))
	must(err)
	_, err = s.api.CreateService((&conv.CreateServiceParams{}).SetFriendlyName("stays"))
	must(err)
	_, err = s.api.CreateServiceConversation(*is.Sid, (&conv.CreateServiceConversationParams{}).SetUniqueName("goes with it"))
	must(err)
	must(s.api.DeleteService(*is.Sid))
	address, err := s.api.CreateConfigurationAddress((&conv.CreateConfigurationAddressParams{}).SetType("sms").SetAddress(sender2))
	must(err)
	must(s.api.DeleteConfigurationAddress(*address.Sid))
	_, err = s.api.CreateConfigurationAddress((&conv.CreateConfigurationAddressParams{}).SetType("sms").SetAddress(sender).SetAutoCreationEnabled(true))
	must(err)

	ch := s.conversation("stays")
	s.join(ch, phone, sender)
	gone := s.join(ch, phone2, sender)
	hook, err := s.api.CreateConversationScopedWebhook(ch, (&conv.CreateConversationScopedWebhookParams{}).
		SetTarget("webhook").SetConfigurationUrl("http://127.0.0.1:9/").SetConfigurationFilters([]string{"onMessageAdded"}))
	must(err)
	must(s.api.DeleteConversationScopedWebhook(ch, *hook.Sid))
	_, err = s.api.CreateConversationScopedWebhook(ch, (&conv.CreateConversationScopedWebhookParams{}).SetTarget("studio").SetConfigurationFlowSid("FW1"))
	must(err)
	must(s.Handset(phone).Next(twiliosim.Outcome{Status: "failed", ErrorCode: 30005}))
	s.sayAndSettle(ch, "lost on the way")
	im := s.sayAndSettle(ch, "deleted later")
	must(s.api.DeleteConversationMessage(ch, im, nil))
	must(s.api.DeleteConversationParticipant(ch, gone, nil))
	s.text(phone, sender, "STOP")
	s.text(phone2, sender, "STOP") // autocreates
	_, err = s.Handset(phone2).Text(sender, "", twiliosim.File{Name: "kept.jpg", Type: "image/jpeg", Size: 1})
	must(err)
	s.text(phone2, sender, "START")
	closed := s.conversation("closed")
	_, err = s.api.UpdateConversation(closed, (&conv.UpdateConversationParams{}).SetState("closed").SetUniqueName("closed and renamed"))
	must(err)
	must(s.api.DeleteConversation(s.conversation("goes"), nil))
	must(s.Handset(phone).Always(twiliosim.Outcome{Status: "read"}))
	s.settle()
}

func TestJournalKeepsTheWorld(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	journaled := func(o *twiliosim.Options) { o.Journal = file }
	s := newSim(t, journaled)
	live(t, s)
	want := look(t, s.Server)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// The first simulator is still running and has closed nothing: a kill -9.
	for _, tt := range []struct {
		name    string
		content []byte
	}{
		{"as left by a killed process", raw},
		{"with a torn last line", append(bytes.Clone(raw), `{"kind":"conversation","put":{"sid":"CH`...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			copied := filepath.Join(t.TempDir(), "journal")
			if err := os.WriteFile(copied, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			for n := range 2 { // the second time from the compacted file
				again := newSim(t, func(o *twiliosim.Options) { o.Journal = copied })
				if diff := cmp.Diff(want, look(t, again.Server), cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("after restart %d (-want +got):\n%s", n+1, diff)
				}
				if err := again.Close(within(t)); err != nil {
					t.Fatal(err)
				}
			}
			again := newSim(t, func(o *twiliosim.Options) { o.Journal = copied })
			ch := again.conversation("new")
			// The default service got the first digits the seed gives.
			if ch[2:] == want.Service[2:] {
				t.Error("the same seed began again with the same SIDs")
			}
			if _, err := again.api.CreateConversationParticipant(ch, binding(phone, sender)); codeOf(err) != 50416 {
				t.Errorf("pair rule after restart: %v, want 50416", err)
			}
		})
	}
}

// A text between carrier and handset when the process died still arrives.
func TestJournalResumesDelivery(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	s := newSim(t, func(o *twiliosim.Options) { o.Journal = file })
	ch := s.conversation("cut short")
	s.join(ch, phone, sender)
	im := s.sayAndSettle(ch, "on its way")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// Cut the journal after the first receipt line, as written with the message.
	var kept []string
	for _, line := range strings.SplitAfter(string(raw), "\n") {
		kept = append(kept, line)
		if strings.Contains(line, `"kind":"receipt"`) {
			break
		}
	}
	cut := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(cut, []byte(strings.Join(kept, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	again := newSim(t, func(o *twiliosim.Options) { o.Journal = cut })
	again.settle()
	if diff := cmp.Diff([]string{"on its way"}, bodies(again.Handset(phone).Inbox())); diff != "" {
		t.Errorf("inbox (-want +got):\n%s", diff)
	}
	if r := again.Receipts(im); len(r) != 1 || r[0].Status != "delivered" {
		t.Errorf("receipts %+v", r)
	}
}

func TestJournalIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "journal")
	s := newSim(t, func(o *twiliosim.Options) { o.Journal = file })
	s.conversation("one")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	opts := twiliosim.Options{AccountSID: accountSID, AuthToken: authToken, Senders: []string{sender}}
	tests := []struct{ name, content, account, want string }{
		{"torn in the middle", "{\"kind\":\n" + string(good), accountSID, "line 1"},
		{"unknown kind", "{\"kind\":\"car\",\"put\":{}}\n", accountSID, `unknown kind "car"`},
		{"another account", string(good), "AC" + strings.Repeat("9", 32), "belongs to account"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := opts
			o.AccountSID, o.Journal = tt.account, filepath.Join(t.TempDir(), "journal")
			if err := os.WriteFile(o.Journal, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := twiliosim.New(o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if after, err := os.ReadFile(o.Journal); err != nil || string(after) != tt.content {
				t.Errorf("refused journal was changed (%v)", err)
			}
		})
	}
}
