package chat

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
)

// probing is the store of a conversation whose turn it is to probe.
type probing struct {
	waiting
	loaded     Conversation
	handedBack *int
}

func (p probing) Load(context.Context, Lease) (Conversation, error) { return p.loaded, nil }

func (probing) Admission(context.Context, Conversation) (Admission, error) {
	return Admission{Wanted: true}, nil
}

func (probing) ClaimProbe(context.Context, Phone, time.Time, time.Time) (bool, error) {
	return true, nil
}

func (p probing) HandBackProbe(context.Context, Phone, time.Time, time.Time) error {
	*p.handedBack++
	return nil
}

func (probing) Burst(context.Context, Conversation) (Burst, error) { return Burst{}, nil }

func (probing) Unsent(context.Context, Conversation) ([]Outgoing, error) {
	return []Outgoing{{Status: Queued, CreatedAt: time.Now()}}, nil
}

func (probing) BeginSend(context.Context, Lease, uuid.UUID, Gate) (Verdict, error) {
	return Verdict{Until: time.Now().Add(time.Hour), Why: "quiet hours"}, nil
}

// unasked is a Twilio that nobody calls.
type unasked struct{ Twilio }

func (unasked) Reserve(ctx context.Context) (context.Context, func(), error) {
	return ctx, func() {}, nil
}

// Whoever turns out to have no call to make hands the probe back.
func TestProbeWithoutACall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Conversation{
		"the rate is used up":      {State: Pending},
		"the night holds its text": {State: Active, SID: "CH", Decided: true, HeardAt: time.Now()},
	} {
		handedBack := 0
		c.ID, c.Paused = uuid.New(), "suspended"
		s := New(probing{waiting{}, c, &handedBack}, unasked{}, Options{CreateEvery: time.Second}, time.Now, slog.New(slog.DiscardHandler))
		s.pace.putOff(createScope, uuid.New(), time.Second, time.Minute) // others wait
		if err := s.Advance(t.Context(), c.ID); err == nil || handedBack != 1 {
			t.Errorf("%s: got %v, and the probe was handed back %d times, want once", name, err, handedBack)
		}
	}
}
