package store

import (
	"context"
	"time"

	"textme/chat"
)

// Backlog is what waits in the database, for those who watch over the service.
type Backlog struct {
	AccountPaused bool
	SendersPaused int
	// EventsParked counts the events that wait for their conversation to be
	// known, up to MostCounted.
	EventsParked int
	// OldestUnsent is how long the oldest text of ours that could go out has
	// not gone out; one that the gate lets wait counts from when it is asked
	// again. 0 when there is none.
	OldestUnsent time.Duration
}

// MostCounted is where counting stops, so that looking costs little.
const MostCounted = 10_000

// Backlog looks at what waits.
func (s *Store) Backlog(ctx context.Context) (b Backlog, err error) {
	const q = `/* store.Backlog */
		SELECT EXISTS (SELECT FROM pauses WHERE ended_at IS NULL AND scope = $1),
			(SELECT count(*) FROM pauses WHERE ended_at IS NULL AND scope <> $1),
			(SELECT count(*) FROM (SELECT FROM events WHERE applied_at IS NULL AND error = '' LIMIT $2) few),
			(SELECT greatest(coalesce(max(now() - greatest(created_at, not_before)), interval '0'), interval '0')
				FROM messages WHERE status IN ('queued', 'sending'))`
	err = s.pool.QueryRow(ctx, q, chat.AccountScope, MostCounted).Scan(&b.AccountPaused, &b.SendersPaused, &b.EventsParked, &b.OldestUnsent)
	return b, translate("backlog", err)
}
