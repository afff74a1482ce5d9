package chat

import (
	"context"
	"time"
)

// restoring is why a text waits that was queued before an outage ended.
const restoring = "what an outage has missed is being asked for first"

// away is how late polling must be for us to have been away.
func (s *Service) away() time.Duration { return 6 * s.opts.ReconcileEvery }

// waitsForRestoring is the rule on texts that were queued before an outage ended, at
// since (zero: there is none): they leave when Twilio has been asked for all that was
// missed, of everybody. Who has nothing that waits is not held up.
func (s *Service) waitsForRestoring(m Outgoing, since time.Time) bool {
	return s.opts.ReconcileEvery > 0 && m.CreatedAt.Before(since)
}

// restored ends the restoring if nothing is left to be asked.
func (s *Service) restored(ctx context.Context) error {
	over, err := s.store.Restored(ctx)
	if over {
		s.log.InfoContext(ctx, "what the outage has missed is restored")
	}
	return err
}
