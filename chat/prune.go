package chat

import (
	"context"
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
// is. Any number of replicas may run it at once.
func (s *Service) Prune(ctx context.Context) error {
	for {
		now := s.now()
		events, err := s.store.PruneEvents(ctx, now.Add(-PayloadRetention), now.Add(-KeyRetention), pruneBatch)
		if err != nil {
			return err
		}
		submissions, err := s.store.PruneSubmissions(ctx, now.Add(-PayloadRetention), pruneBatch)
		if err != nil {
			return err
		}
		if events+submissions == 0 {
			return nil
		}
		s.log.InfoContext(ctx, "pruned", "events", events, "submissions", submissions)
	}
}
