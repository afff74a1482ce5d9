package chat

import (
	"context"
	"time"
)

type sweepStore interface {
	// WakeForgotten enqueues jobs for conversations with work left and for
	// conversations at Twilio with parked events older than age, and counts
	// them.
	WakeForgotten(ctx context.Context, age time.Duration) (woken int, err error)
}

// Sweep wakes what a crash or a lost job may have left asleep. Every replica
// runs it every few seconds, without a leader to elect first: that is what
// takes up a dead worker's conversations as soon as their leases run out.
// Running it again is harmless, since a surplus job ends at once.
func (s *Service) Sweep(ctx context.Context) error {
	woken, err := s.store.WakeForgotten(ctx, s.opts.Timing.Rescue)
	if woken > 0 {
		s.log.InfoContext(ctx, "swept", "woken", woken)
	}
	return err
}
