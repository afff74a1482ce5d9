package twiliosim

import (
	"context"
	"fmt"
)

// broadcast wakes everybody who waits for a change. The lock must be held.
func (s *Server) broadcast() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Until waits until cond holds, asking again after every change of the
// simulator's world or webhook log, every fault played and every call's end. cond may call any method of the Server. It
// returns the context's error if that comes first.
func (s *Server) Until(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Settle runs out the timers that are due and waits until nothing is in flight:
// no webhook unanswered, no text between carrier and handset, nothing put off by
// a fault. With Options.Clock what is put off is not waited for: that comes when
// the clock is advanced. Calls that the answered webhooks led to are not waited
// for, only what they have already set off. It returns the context's error, naming how much is left, if that comes first.
func (s *Server) Settle(ctx context.Context) error {
	s.runTimers()
	left := 0
	err := s.Until(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		left = s.pending
		if s.opts.Clock == nil && !s.closed() {
			left += s.scheduled
		}
		return left == 0
	})
	if err != nil {
		return fmt.Errorf("%d webhooks or texts in flight: %w", left, err)
	}
	return nil
}

func (s *Server) closed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}
