package twiliosim_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

// The ledger tells one short story in order and in full.
func TestLedger(t *testing.T) {
	t.Parallel()
	s := newSim(t, func(o *twiliosim.Options) { o.Ledger = true })
	s.listen("onMessageAdded")
	ch := s.conversation("story")
	mb := s.join(ch, phone, sender)
	im := s.sayAndSettle(ch, "Welcome!")
	if err := s.Handset(phone).Next(twiliosim.Outcome{Status: "undelivered", ErrorCode: 30003}); err != nil {
		t.Fatal(err)
	}
	s.sayAndSettle(ch, "Anybody?")
	s.text(phone, sender, "STOP")
	s.settle()
	s.text(phone, sender2, "nobody takes this")
	if _, err := s.api.UpdateConversationMessage(ch, im, (&conv.UpdateConversationMessageParams{}).SetBody("Welcome.")); err != nil {
		t.Fatal(err)
	}
	if err := s.api.DeleteConversationMessage(ch, im, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Console(false).RemoveParticipant(ch, mb); err != nil {
		t.Fatal(err)
	}
	if err := s.Console(false).Close(ch); err != nil {
		t.Fatal(err)
	}
	if err := s.Console(false).Delete(ch); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range s.Ledger() {
		got = append(got, line(e.Fact))
	}
	want := []string{
		"call POST /v1/Configuration/Webhooks 200",
		"conversation story created",
		"call POST /v1/Conversations 201",
		"participant " + phone + " added",
		"call POST /v1/Conversations/{ConversationSid}/Participants 201",
		"message Welcome! created by system to 1",
		"call POST /v1/Conversations/{ConversationSid}/Messages 201",
		"receipt sent 0", "text Welcome! delivered", "receipt delivered 0",
		"message Anybody? created by system to 1",
		"call POST /v1/Conversations/{ConversationSid}/Messages 201",
		"receipt sent 0",
		"text Anybody? lost", "receipt undelivered 30003",
		"opted out " + phone,
		"message STOP created by " + phone + " to 0",
		"handset texted STOP into a conversation",
		"text You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe. delivered",
		"webhook onMessageAdded 204",
		"handset texted nobody takes this into none",
		"message Welcome. updated",
		"call POST /v1/Conversations/{ConversationSid}/Messages/{Sid} 200",
		"message deleted",
		"call DELETE /v1/Conversations/{ConversationSid}/Messages/{Sid} 204",
		"participant " + phone + " removed",
		"conversation story updated", "conversation moved from active to closed: API",
		"conversation deleted",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

// line is a fact in words.
func line(f twiliosim.Fact) string {
	switch f := f.(type) {
	case twiliosim.ConversationCreated:
		return "conversation " + f.Conversation.UniqueName + " created"
	case twiliosim.ConversationUpdated:
		return "conversation " + f.Conversation.UniqueName + " updated"
	case twiliosim.ConversationMoved:
		return "conversation moved from " + f.From + " to " + f.To + ": " + f.Reason
	case twiliosim.ConversationDeleted:
		return "conversation deleted"
	case twiliosim.ParticipantAdded:
		return "participant " + f.Participant.Address + " added"
	case twiliosim.ParticipantUpdated:
		return "participant " + f.Participant.Address + " updated"
	case twiliosim.ParticipantRemoved:
		return "participant " + f.Participant.Address + " removed"
	case twiliosim.MessageCreated:
		return fmt.Sprint("message ", f.Message.Body, " created by ", f.Message.Author, " to ", len(f.Recipients))
	case twiliosim.MessageUpdated:
		return "message " + f.Message.Body + " updated"
	case twiliosim.MessageDeleted:
		return "message deleted"
	case twiliosim.HandsetTexted:
		if f.ConversationSID == "" {
			return "handset texted " + f.Text.Body + " into none"
		}
		return "handset texted " + f.Text.Body + " into a conversation"
	case twiliosim.TextDelivered:
		return "text " + f.Text.Body + " delivered"
	case twiliosim.TextLost:
		return "text " + f.Text.Body + " lost"
	case twiliosim.ReceiptUpdated:
		return fmt.Sprint("receipt ", f.Receipt.Status, " ", f.Receipt.ErrorCode)
	case twiliosim.OptedOut:
		return "opted out " + f.OptOut.Phone
	case twiliosim.OptedIn:
		return "opted in " + f.OptOut.Phone
	case twiliosim.WebhookAttempt:
		return fmt.Sprint("webhook ", f.EventType, " ", f.Status)
	case twiliosim.APICall:
		return fmt.Sprint("call ", f.Route, " ", f.Status)
	}
	return fmt.Sprintf("unknown %T", f)
}

// Without the option nothing is kept.
func TestNoLedger(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	s.join(s.conversation("unseen"), phone, sender)
	if n := len(s.Ledger()); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// The Oracle tells a pair's story: a live conversation after one that was
// closed, what was sent and received, and who is left alone.
func TestOracle(t *testing.T) {
	t.Parallel()
	s := newSim(t, func(o *twiliosim.Options) { o.Ledger = true })
	first, second, orphan := s.conversation("first"), s.conversation("second"), s.conversation("orphan")
	gone := s.conversation("gone")
	mb1 := s.join(first, phone, sender)
	m, err := s.api.CreateConversationMessage(first, (&conv.CreateConversationMessageParams{}).
		SetBody("Welcome!").SetAuthor("textme").SetAttributes(`{"id":"1"}`))
	if err != nil {
		t.Fatal(err)
	}
	s.settle()
	in := s.text(phone, sender, "Hours?")
	out := s.text(phone, sender2, "Hello?")
	for _, err := range []error{s.Console(false).Close(first), s.Console(false).Delete(gone)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	mb2 := s.join(second, phone, sender)
	if err := s.Handset(phone).Always(twiliosim.Outcome{Status: "failed", ErrorCode: 30005}); err != nil {
		t.Fatal(err)
	}
	lost := s.sayAndSettle(second, "Welcome back!")
	want := twiliosim.Oracle{
		Orphans: []string{orphan}, Dropped: []twiliosim.Text{out},
		Pairs: map[twiliosim.Pair]*twiliosim.PairHistory{
			{Phone: phone, Sender: sender}: {
				Conversations: []string{first, second}, Live: []string{second},
				Participants: []string{mb1, mb2}, Present: []string{mb2},
				Outbound: []twiliosim.OutboundText{
					{ConversationSID: first, MessageSID: *m.Sid, Author: "textme", Body: "Welcome!", Attributes: `{"id":"1"}`, Status: "delivered", Arrived: true},
					{ConversationSID: second, MessageSID: lost, Author: "system", Body: "Welcome back!", Attributes: "{}", Status: "failed", ErrorCode: 30005},
				},
				Inbound: []twiliosim.InboundText{{TextID: in.ID, ConversationSID: first, MessageSID: in.MessageSID, Body: "Hours?"}},
			},
			{Phone: phone, Sender: sender2}: {
				Inbound: []twiliosim.InboundText{{TextID: out.ID, Body: "Hello?"}},
			},
		},
	}
	if diff := cmp.Diff(want, s.Oracle()); diff != "" {
		t.Errorf("oracle (-want +got):\n%s", diff)
	}
}

// Whatever happens, in whatever order and through whatever faults, the ledger
// played back is the world that the API shows, and the Oracle agrees with it.
func TestLedgerIsTheWorld(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s, now := newClockSim(t, func(o *twiliosim.Options) {
				o.Ledger, o.Seed = true, seed+1
				o.Faults = twiliosim.Faults{Calls: []twiliosim.Rule{{Chance: 0.2, Faults: []twiliosim.Fault{
					{Kind: twiliosim.Busy}, {Kind: twiliosim.LostAnswer}, {Kind: twiliosim.LateError}, {Kind: twiliosim.TextBefore}, {Kind: twiliosim.TextAfter},
				}}}}
			})
			if err := s.Console(false).SetAutocreate(sender, twiliosim.AutoCreation{Enabled: true}); err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(seed, 0))
			for range 300 {
				s.random(rng, now)
			}
			s.settle()
			s.script(twiliosim.Faults{})
			compareLedger(t, s)
			compareOracle(t, s)
		})
	}
}

// random does one thing that may well be refused.
func (s *sim) random(rng *rand.Rand, now *twiliosim.Clock) {
	ch := "c" + fmt.Sprint(rng.IntN(12))
	if all := s.Conversations(); len(all) > 0 && rng.IntN(2) == 0 {
		ch = all[rng.IntN(len(all))].SID
	}
	to, from := fmt.Sprintf("+1555867531%d", rng.IntN(5)), []string{sender, sender2}[rng.IntN(2)]
	mb, im := "MB", "IM"
	if p := s.Participants(ch); len(p) > 0 {
		mb = p[rng.IntN(len(p))].SID
	}
	if m := s.Messages(ch); len(m) > 0 {
		im = m[rng.IntN(len(m))].SID
	}
	switch rng.IntN(16) {
	case 0, 1, 2:
		_, _ = s.api.CreateConversation((&conv.CreateConversationParams{}).SetUniqueName(ch).SetTimersInactive("PT1H").SetTimersClosed("PT3H"))
	case 3, 4, 5:
		_, _ = s.api.CreateConversationParticipant(ch, binding(to, from))
	case 6, 7, 8:
		_ = s.sayErr(ch, fmt.Sprint("out ", rng.IntN(100)))
	case 9, 10:
		_, _ = s.Handset(to).Text(from, []string{"STOP", "START", "in", "in again"}[rng.IntN(4)])
	case 11:
		_, _ = s.api.UpdateConversation(ch, (&conv.UpdateConversationParams{}).SetState([]string{"closed", "inactive", "active"}[rng.IntN(3)]))
	case 12:
		_ = s.api.DeleteConversation(ch, nil)
	case 13:
		_ = s.api.DeleteConversationParticipant(ch, mb, nil)
	case 14:
		_ = s.api.DeleteConversationMessage(ch, im, nil)
	case 15:
		now.Advance(time.Duration(rng.IntN(90)) * time.Minute)
	}
}

// book is the world as far as facts alone tell it.
type book struct {
	Conversations map[string]twiliosim.Conversation
	Participants  map[string]twiliosim.Participant
	Messages      map[string]twiliosim.Message
	Texts         map[string][]string // by phone
	OptOuts       map[string]bool
}

func compareLedger(t *testing.T, s *sim) {
	t.Helper()
	got := book{map[string]twiliosim.Conversation{}, map[string]twiliosim.Participant{}, map[string]twiliosim.Message{}, map[string][]string{}, map[string]bool{}}
	var last time.Time
	for i, e := range s.Ledger() {
		if e.Seq != i+1 || e.At.Before(last) {
			t.Errorf("entry %d has number %d and time %v after %v", i, e.Seq, e.At, last)
		}
		last = e.At
		switch f := e.Fact.(type) {
		case twiliosim.ConversationCreated:
			got.Conversations[f.Conversation.SID] = f.Conversation
		case twiliosim.ConversationUpdated:
			got.Conversations[f.Conversation.SID] = f.Conversation
		case twiliosim.ConversationMoved:
			c := got.Conversations[f.ConversationSID]
			c.State = f.To
			got.Conversations[f.ConversationSID] = c
		case twiliosim.ConversationDeleted:
			delete(got.Conversations, f.ConversationSID)
			maps.DeleteFunc(got.Participants, func(_ string, p twiliosim.Participant) bool { return p.ConversationSID == f.ConversationSID })
			maps.DeleteFunc(got.Messages, func(_ string, m twiliosim.Message) bool { return m.ConversationSID == f.ConversationSID })
		case twiliosim.ParticipantAdded:
			got.Participants[f.Participant.SID] = f.Participant
		case twiliosim.ParticipantRemoved:
			delete(got.Participants, f.Participant.SID)
		case twiliosim.MessageCreated:
			got.Messages[f.Message.SID] = f.Message
		case twiliosim.MessageDeleted:
			delete(got.Messages, f.MessageSID)
		case twiliosim.HandsetTexted:
			got.Texts[f.Text.From] = append(got.Texts[f.Text.From], f.Text.ID)
		case twiliosim.TextDelivered:
			got.Texts[f.Text.To] = append(got.Texts[f.Text.To], f.Text.ID)
		case twiliosim.OptedOut:
			got.OptOuts[f.OptOut.Scope+f.OptOut.Phone] = true
		case twiliosim.OptedIn:
			delete(got.OptOuts, f.OptOut.Scope+f.OptOut.Phone)
		}
	}
	want := book{map[string]twiliosim.Conversation{}, map[string]twiliosim.Participant{}, map[string]twiliosim.Message{}, map[string][]string{}, map[string]bool{}}
	for _, c := range s.Conversations() {
		want.Conversations[c.SID] = c
		for _, p := range s.Participants(c.SID) {
			want.Participants[p.SID] = p
		}
		for _, m := range s.Messages(c.SID) {
			want.Messages[m.SID] = m
		}
	}
	for _, h := range s.Handsets() {
		for _, text := range h.Texts() {
			want.Texts[h.Phone()] = append(want.Texts[h.Phone()], text.ID)
		}
	}
	for _, o := range s.OptOuts() {
		want.OptOuts[o.Scope+o.Phone] = true
	}
	// What changes with every message is in MessageCreated.
	activity := cmpopts.IgnoreFields(twiliosim.Conversation{}, "LastActivity", "NextIndex", "Updated")
	if diff := cmp.Diff(want, got, activity, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("ledger is not the world (-world +ledger):\n%s", diff)
	}
	if len(want.Messages) == 0 || len(want.Participants) == 0 || len(s.FaultCounts()) < 4 {
		t.Errorf("too little happened: %d messages, faults %v", len(want.Messages), s.FaultCounts())
	}
}

func compareOracle(t *testing.T, s *sim) {
	t.Helper()
	o := s.Oracle()
	live, present := map[twiliosim.Pair][]string{}, map[twiliosim.Pair][]string{}
	var orphans []string
	inbound := map[string]int{}
	for _, c := range s.Conversations() {
		if c.State == "closed" {
			continue
		}
		seats := s.Participants(c.SID)
		if len(seats) == 0 {
			orphans = append(orphans, c.SID)
		}
		for _, p := range seats {
			pair := twiliosim.Pair{Phone: p.Address, Sender: p.ProxyAddress}
			live[pair], present[pair] = append(live[pair], c.SID), append(present[pair], p.SID)
		}
	}
	if diff := cmp.Diff(orphans, o.Orphans); diff != "" {
		t.Errorf("orphans (-world +oracle):\n%s", diff)
	}
	arrived := map[string]int{}
	for pair, p := range o.Pairs {
		if !slices.Equal(live[pair], p.Live) || !slices.Equal(present[pair], p.Present) || len(p.Live) > 1 {
			t.Errorf("%v is live in %v with %v, the world says %v with %v", pair, p.Live, p.Present, live[pair], present[pair])
		}
		delete(live, pair)
		for _, text := range p.Outbound {
			if text.Arrived {
				arrived[pair.Phone]++
			}
		}
		for _, text := range p.Inbound {
			inbound[text.TextID]++
		}
	}
	if len(live) > 0 {
		t.Errorf("pairs the oracle does not know: %v", live)
	}
	for _, h := range s.Handsets() {
		conversations := slices.DeleteFunc(h.Inbox(), func(text twiliosim.Text) bool { return text.Auto })
		if arrived[h.Phone()] != len(conversations) {
			t.Errorf("%s shows %d texts, the oracle says %d", h.Phone(), len(conversations), arrived[h.Phone()])
		}
		for _, text := range h.Texts() {
			if text.Sent && inbound[text.ID] != 1 {
				t.Errorf("text %s is told %d times", text.ID, inbound[text.ID])
			}
		}
	}
	if !slices.Equal(bodies(s.Dropped()), bodies(o.Dropped)) {
		t.Errorf("dropped %s, the world says %s", strings.Join(bodies(o.Dropped), ", "), strings.Join(bodies(s.Dropped()), ", "))
	}
}

// A service takes its conversations with it, in the ledger too.
func TestLedgerOfDeletedService(t *testing.T) {
	t.Parallel()
	s := newSim(t, func(o *twiliosim.Options) { o.Ledger = true })
	is, err := s.api.CreateService((&conv.CreateServiceParams{}).SetFriendlyName("goes"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.api.CreateServiceConversation(*is.Sid, nil); err != nil {
			t.Fatal(err)
		}
	}
	stays := s.conversation("stays")
	if err := s.api.DeleteService(*is.Sid); err != nil {
		t.Fatal(err)
	}
	if n := len(facts[twiliosim.ConversationDeleted](s)); n != 2 {
		t.Errorf("%d conversations deleted, want 2", n)
	}
	if diff := cmp.Diff([]string{stays}, s.Oracle().Orphans); diff != "" {
		t.Errorf("orphans (-want +got):\n%s", diff)
	}
}
