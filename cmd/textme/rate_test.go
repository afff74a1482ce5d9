package main

import (
	"fmt"
	"testing"
	"time"

	"textme/twilio/twiliosim"
)

// Many texts in one conversation keep to what Twilio takes of one in a second, also when
// each thing that comes meanwhile has its worker begin again.
func TestManyTextsInOneConversation(t *testing.T) {
	t.Parallel()
	const texts, perSecond = 90, 30 // https://www.twilio.com/docs/conversations-classic/conversations-limits
	s := newStoryAt(t, func(o *twiliosim.Options) { o.Ledger, o.Limits = true, twiliosim.Limits{PerConversation: perSecond} })
	s.signsUp(ann, "Canary")
	s.gets(ann, "thanks for signing up")
	s.settled()
	s.stop()
	for i := range texts {
		s.queues(ann, fmt.Sprintf("canary %d", i))
	}
	passes(t, s.db, time.Minute) // nobody else wakes the worker
	s.serve()
	s.until("they have left", func() bool {
		_, err := s.db.Exec(t.Context(), `UPDATE conversations SET work_seq = work_seq + 1`)
		must(t, err)
		return one[bool](s, `SELECT count(*) = $1 FROM messages WHERE purpose = 'agent' AND message_sid IS NOT NULL`, texts)
	})
	var at []time.Time
	for _, e := range s.sim.Ledger() {
		switch fact := e.Fact.(type) {
		case twiliosim.APICall:
			if fact.Code == 50074 {
				t.Error("Twilio was asked for too much")
			}
		case twiliosim.MessageCreated:
			at = append(at, e.At)
		}
	}
	for i := perSecond; i < len(at); i++ {
		if in := at[i].Sub(at[i-perSecond]); in < time.Second {
			t.Fatalf("%d texts within %v", perSecond+1, in)
		}
	}
}
