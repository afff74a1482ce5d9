package chat

import (
	"context"
	"errors"
	"time"
)

type retentionStore interface {
	// PruneEvents empties the payloads of events received before payloads,
	// deletes events received before keys, and counts both, at the most so
	// many of each.
	PruneEvents(ctx context.Context, payloads, keys time.Time, most int) (pruned int, err error)
	// PruneSubmissions empties what was posted by sign-ups from before, at
	// the most so many.
	PruneSubmissions(ctx context.Context, before time.Time, most int) (pruned int, err error)
}

// What is kept for how long. A payload holds what the person wrote and their
// number, and after a month nobody looks into it any more. The key of an event
// is what makes a webhook that is captured and posted again harmless, for a
// signature never runs out; it holds nothing personal.
const (
	PayloadRetention = 30 * 24 * time.Hour
	KeyRetention     = 400 * 24 * time.Hour
)

// pruneBatch keeps each transaction short.
const pruneBatch = 500

// Prune takes out what is past its retention, in small batches, until nothing
// is. Any number of replicas may run it at once. That one kind cannot be taken out
// keeps nothing of the other.
func (s *Service) Prune(ctx context.Context) error {
	payloads, keys := s.now().Add(-PayloadRetention), s.now().Add(-KeyRetention)
	return errors.Join(
		s.prune(ctx, "events", func() (int, error) { return s.store.PruneEvents(ctx, payloads, keys, pruneBatch) }),
		s.prune(ctx, "submissions", func() (int, error) { return s.store.PruneSubmissions(ctx, payloads, pruneBatch) }),
	)
}

// prune takes out batch after batch of one kind.
func (s *Service) prune(ctx context.Context, kind string, batch func() (int, error)) error {
	for {
		n, err := batch()
		if err != nil || n == 0 {
			return err
		}
		s.log.InfoContext(ctx, "pruned", "kind", kind, "rows", n)
	}
}
