package chat

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
)

// probed sees to the probe when the step of the one who has it is over: err is
// how it ended, and outcome what that came to. A probe is used up by a text that
// may have left and by a call that met the cause again. Any other has told nothing
// of what is paused still, and is handed back: one number that Twilio refuses, or at
// which every call goes wrong, or whose night it is, must not prolong a pause for
// all who wait. After a call the oldest of them has the next try, whom those that
// have only just come would forestall again and again; each passes it on but once,
// for it either fails for good or leaves the next probes to others. While nobody is to
// call Twilio, whoever comes next has it.
func (s *Service) probed(ctx context.Context, c *Conversation, err, outcome error, progress bool) error {
	if !c.Probing {
		return nil
	}
	ctx, cancel := s.lastWords(ctx)
	defer cancel()
	var class ErrorClass
	var called bool
	if te := (*TwilioError)(nil); errors.As(err, &te) {
		class, called = te.Class(), !te.heldBack()
	}
	var waits Snooze
	met := errors.As(outcome, &waits) && waits.Why == justPaused
	if class == OperatorError || met && class != SenderError { // also if the pause could not be written
		return nil
	}
	if progress || class != "" && class != Transient {
		if err := s.answered(ctx, c); err != nil {
			return err
		}
	}
	if met || !c.Probing {
		return nil
	}
	if class == Transient && called {
		s.vain.add(c.ID, s.now(), passesFor*s.opts.Timing.probe())
	}
	if err := s.store.HandBackProbe(ctx, c.Sender, s.now(), c.PausedUntil); err != nil || !called {
		return err
	}
	return s.store.PassProbe(ctx, c.Lease, c.Sender, s.opts.Timing.probe())
}

// passesFor is for how many probes one leaves them to others that has probed in
// vain: everybody else who waits has come back by then.
const passesFor = 2

// inVain remembers who has probed without an answer: something may be wrong with
// them alone. It is each replica's own; what it forgets costs a probe.
type inVain struct {
	mu     sync.Mutex
	passes map[uuid.UUID]time.Time // until when
}

func newInVain() *inVain { return &inVain{passes: map[uuid.UUID]time.Time{}} }

// until is when who may probe again.
func (v *inVain) until(who uuid.UUID) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.passes[who]
}

// add keeps who from probing for a while.
func (v *inVain) add(who uuid.UUID, now time.Time, while time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for other, until := range v.passes {
		if until.Before(now) {
			delete(v.passes, other)
		}
	}
	v.passes[who] = now.Add(while)
}
