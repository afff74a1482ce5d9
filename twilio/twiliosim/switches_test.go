package twiliosim_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

func TestDown(t *testing.T) {
	t.Parallel()
	s := newSim(t, func(o *twiliosim.Options) { o.Ledger = true })
	create := func() answer { return s.post("/v1/Conversations", nil, 10*time.Second) }
	s.SetDown(twiliosim.DownUnavailable)
	if got := create(); got.status != 503 || got.body != "" {
		t.Errorf("unavailable: %+v", got)
	}
	s.SetDown(twiliosim.DownDisconnected)
	if got := create(); got.err == nil {
		t.Errorf("disconnected: %+v", got)
	}
	if n := len(s.Conversations()); n != 0 {
		t.Errorf("%d conversations made while down", n)
	}
	s.SetDown(twiliosim.Up)
	if got := create(); got.status != 201 {
		t.Errorf("up again: %+v", got)
	}
	if diff := cmp.Diff(map[string]int{"down": 2}, s.FaultCounts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	calls := facts[twiliosim.APICall](s)
	if len(calls) != 3 || calls[0].Status != 503 || calls[0].Fault != "down" || calls[1].Status != 0 || calls[1].Fault != "down" {
		t.Errorf("ledger has calls %+v", calls)
	}
}

func TestRevokeCredentials(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	fetch := func() error { _, err := s.api.FetchConfiguration(); return err }
	byKey := sdk(t, s.http.URL, keySID, keySecret)
	s.RevokeCredentials(true)
	if err := fetch(); codeOf(err) != 20003 || statusOf(err) != 401 {
		t.Errorf("revoked: %v, want 20003", err)
	}
	if _, err := byKey.FetchConfiguration(); codeOf(err) != 20003 {
		t.Errorf("revoked, by key: %v, want 20003", err)
	}
	s.RevokeCredentials(false)
	if err := fetch(); err != nil {
		t.Errorf("given back: %v", err)
	}
}

// A switch refuses what needs a phone, or every call, or loses texts, until it
// is repaired; nothing else is touched.
func TestRefusingSwitches(t *testing.T) {
	t.Parallel()
	type outcome struct {
		Add, Add2, Say, Fetch int // codes: through sender, through sender2, into a conversation with sender, of a read
		Text                  int // code on the receipt of what was said
	}
	tests := []struct {
		name string
		set  func(s *sim)
		lift func(s *sim)
		want outcome
	}{
		{
			name: "account without a Messaging Service", want: outcome{Add: 50373, Add2: 50373, Say: 50373},
			set:  func(s *sim) { s.RefuseAccount(50373) },
			lift: func(s *sim) { s.RefuseAccount(0) },
		},
		{
			name: "account not authorized", want: outcome{Add: 20403, Add2: 20403, Say: 20403, Fetch: 20403},
			set:  func(s *sim) { s.RefuseAccount(20403) },
			lift: func(s *sim) { s.RefuseAccount(0) },
		},
		{
			name: "account suspended at the carrier", want: outcome{Text: 30002},
			set:  func(s *sim) { s.RefuseAccount(30002) },
			lift: func(s *sim) { s.RefuseAccount(0) },
		},
		{
			name: "sender not ours", want: outcome{Add: 50413, Say: 50413},
			set:  func(s *sim) { s.RefuseSender(sender, 50413) },
			lift: func(s *sim) { s.RefuseSender(sender, 0) },
		},
		{
			name: "sender not registered", want: outcome{Text: 30034},
			set:  func(s *sim) { s.RefuseSender(sender, 30034) },
			lift: func(s *sim) { s.RefuseSender(sender, 0) },
		},
		{
			name: "another sender not registered", want: outcome{},
			set:  func(s *sim) { s.RefuseSender(sender2, 30034) },
			lift: func(s *sim) { s.RefuseSender(sender2, 0) },
		},
		{
			name: "number not verified", want: outcome{Add: 21608, Add2: 21608},
			set:  func(s *sim) { s.RefuseNumber(phone2, 21608) },
			lift: func(s *sim) { s.RefuseNumber(phone2, 0) },
		},
		{
			name: "another number", want: outcome{},
			set:  func(s *sim) { s.RefuseNumber("+15550000000", 50407) },
			lift: func(s *sim) { s.RefuseNumber("+15550000000", 0) },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t)
			ch := s.conversation("switched")
			s.join(ch, phone, sender)
			for _, name := range []string{"refused", "refused2", "repaired", "repaired2"} {
				s.conversation(name)
			}
			try := func(name string) outcome {
				t.Helper()
				var got outcome
				_, err := s.api.CreateConversationParticipant(name, binding(phone2, sender))
				got.Add = codeOf(err)
				_, err = s.api.CreateConversationParticipant(name+"2", binding(phone2, sender2))
				got.Add2 = codeOf(err)
				m, err := s.api.CreateConversationMessage(ch, (&conv.CreateConversationMessageParams{}).SetBody(name))
				got.Say = codeOf(err)
				if err == nil {
					s.settle()
					got.Text = s.Receipts(*m.Sid)[0].ErrorCode
				}
				_, err = s.api.FetchConfiguration()
				got.Fetch = codeOf(err)
				return got
			}
			tt.set(s)
			if diff := cmp.Diff(tt.want, try("refused")); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
			tt.lift(s)
			for _, name := range []string{"refused", "refused2"} {
				for _, p := range s.Participants(name) {
					if err := s.Console(false).RemoveParticipant(name, p.SID); err != nil {
						t.Fatal(err)
					}
				}
			}
			if diff := cmp.Diff(outcome{}, try("repaired")); diff != "" {
				t.Errorf("codes after repair (-want +got):\n%s", diff)
			}
		})
	}
}

// After promotion the new token signs in and signs webhooks, the old does not;
// keys stay.
func TestPromoteAuthToken(t *testing.T) {
	t.Parallel()
	const promoted = "fedcba9876543210fedcba9876543210"
	s := newSim(t)
	rec := s.listen("onMessageAdded")
	s.join(s.conversation("rotated"), phone, sender)
	s.PromoteAuthToken(promoted)
	if _, err := s.api.FetchConfiguration(); codeOf(err) != 20003 {
		t.Errorf("old token: %v, want 20003", err)
	}
	for user, password := range map[string]string{accountSID: promoted, keySID: keySecret} {
		if _, err := sdk(t, s.http.URL, user, password).FetchConfiguration(); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
	s.text(phone, sender, "Hello")
	s.settle()
	got := rec.all()
	if len(got) != 1 || signedByTwilio(rec.URL+got[0].uri, got[0]) {
		t.Errorf("%d webhooks, still signed with the old token", len(got))
	}
}
