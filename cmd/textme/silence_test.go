package main

import (
	"sync/atomic"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// unanswered says how far the phone's texts count as dealt with, and what the bot has
// said since the text of these words.
func (s *story) unanswered(phone chat.Phone, body string) string {
	s.t.Helper()
	const q = `SELECT format('dealt with: %s, answers: %s', c.answered_through_index >= m.index,
			(SELECT count(*) FROM messages r WHERE r.conversation_id = c.id AND r.purpose = 'reply' AND r.turn >= m.index))
		FROM messages m JOIN conversations c ON c.id = conversation_id JOIN customers k ON k.id = customer_id
		WHERE phone = $1 AND m.body = $2 AND direction = 'in'`
	return one[string](s, q, phone, body)
}

const inSilence = "dealt with: t, answers: 0"

// Who has asked for a person gets no more of the bot's answers, also to words that it
// knows: what they say is in the transcript, and why says who answers them now.
func TestSilentAfterHandOver(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	for _, phone := range []chat.Phone{ann, bob} { // his conversation is of Twilio's making
		if phone == ann {
			s.signsUp(phone, "Ann Canary")
			s.gets(phone, "thanks for signing up")
		}
		s.says(phone, "HOURS")
		s.gets(phone, "open Mon-Fri 9-6")
		s.says(phone, "AGENT")
		s.gets(phone, "will write back here")
		s.settled()
		for _, body := range []string{"PRICES", "PERSON", "canary"} {
			s.says(phone, body)
			s.hearsNothing(phone)
			if got := s.unanswered(phone, body); got != inSilence {
				t.Errorf("%s is %s; want %s", body, got, inSilence)
			}
		}
		s.why(phone, "answered by   an agent since ", "would be sent, but an agent has the conversation and the bot is silent")
	}
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
}

// A text whose webhook was lost, and that is found when it is older than 15 minutes, is
// in the transcript and not answered, also beside a fresh one that is.
func TestSilentAboutWhatIsOld(t *testing.T) {
	t.Parallel()
	var ago atomic.Int64 // minutes, at Twilio
	ago.Store(25)
	s := newStoryAt(t, func(o *twiliosim.Options) {
		o.Now = func() time.Time { return time.Now().Add(-time.Duration(ago.Load()) * time.Minute) }
	})
	people := []chat.Phone{ann, bob, carol}
	for _, phone := range people {
		s.signsUp(phone, "Canary")
		s.gets(phone, "thanks for signing up")
	}
	s.settled()
	s.unheard(chat.MessageAdded)
	s.says(ann, "HOURS")
	s.says(bob, "PRICES")
	ago.Store(5)
	s.says(bob, "canary")
	s.says(carol, "HOURS")
	s.until("every webhook is lost", func() bool { return s.sim.FaultCounts()[string(twiliosim.WebhookLost)] == 4 })

	s.runs(exitOK, "", "reconcile")
	s.reconciled()
	s.gets(bob, "This is the Harbor Bikes bot") // and no prices
	s.gets(carol, "open Mon-Fri 9-6")
	for _, phone := range people {
		s.hearsNothing(phone)
	}
	if got := s.unanswered(ann, "HOURS"); got != inSilence {
		t.Errorf("what is old is %s; want %s", got, inSilence)
	}
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
}

// A text that comes to light when a later one has been answered is in the transcript
// and obeyed, but not answered any more, nor with the next one.
func TestSilentAboutWhatComesLate(t *testing.T) {
	t.Parallel()
	list := lateList{t: t, hides: "PRICES"}
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Fault = list.wrap })
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	list.late.Store(true)
	must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: []twiliosim.Rule{{
		On: []string{chat.MessageAdded}, Limit: 1, Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}},
	}}}))
	s.says(ann, "PRICES")
	s.until("that webhook is lost", func() bool { return s.sim.FaultCounts()[string(twiliosim.WebhookLost)] > 0 })
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.settled()
	if got, want := s.transcript(ann), "HOURS"; got != want {
		t.Fatalf("the transcript has %q of hers, want %q: the test proves nothing", got, want)
	}

	list.late.Store(false)
	s.runs(exitOK, "", "reconcile")
	s.reconciled()
	s.hearsNothing(ann)
	if got, want := s.transcript(ann), "PRICES, HOURS"; got != want {
		t.Errorf("the transcript has %q of hers, want %q", got, want)
	}
	s.says(ann, "canary")
	s.gets(ann, "This is the Harbor Bikes bot")
	s.hearsNothing(ann)
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
}

// transcript has what the phone said, in Twilio's order.
func (s *story) transcript(phone chat.Phone) string {
	s.t.Helper()
	return one[string](s, `SELECT string_agg(body, ', ' ORDER BY index) FROM messages m JOIN conversations c ON c.id = conversation_id
		JOIN customers k ON k.id = customer_id WHERE phone = $1 AND direction = 'in'`, phone)
}
