package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// PruneEvents empties the payloads of events received before payloads and
// deletes those received before keys, at the most so many of each. The state that a
// conversation changed to is kept as long as the key. An event that still waits for
// its conversation goes like the others: it has nothing left to be applied with.
func (s *Store) PruneEvents(ctx context.Context, payloads, keys time.Time, most int) (pruned int, err error) {
	err = s.tx(ctx, "prune events", func(tx pgx.Tx) error {
		const empty = `/* store.PruneEvents */
			UPDATE events SET payload = NULL, pruned_at = now(), state_to = coalesce(payload ->> 'StateTo', ''),
				error = CASE WHEN applied_at IS NULL AND error = '' THEN 'its conversation never became ours' ELSE error END
			WHERE id IN (SELECT id FROM events WHERE payload IS NOT NULL AND received_at < $1
				ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)`
		emptied, err := tx.Exec(ctx, empty, payloads, most)
		if err != nil {
			return err
		}
		const forget = `/* store.PruneEvents */
			DELETE FROM events WHERE id IN (SELECT id FROM events WHERE received_at < $1
				ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)`
		forgotten, err := tx.Exec(ctx, forget, keys, most)
		pruned = int(emptied.RowsAffected() + forgotten.RowsAffected())
		return err
	})
	return pruned, err
}

// PruneSubmissions empties what was posted by sign-ups from before, at the most
// so many. The evidence keeps its commitment to it.
func (s *Store) PruneSubmissions(ctx context.Context, before time.Time, most int) (pruned int, err error) {
	err = s.tx(ctx, "prune submissions", func(tx pgx.Tx) error {
		const q = `/* store.PruneSubmissions */
			UPDATE signup_details SET payload = NULL
			WHERE signup_id IN (SELECT d.signup_id FROM signup_details d JOIN signups g ON g.id = d.signup_id
				WHERE d.payload IS NOT NULL AND g.created_at < $1
				ORDER BY d.signup_id LIMIT $2 FOR UPDATE OF d SKIP LOCKED)`
		tag, err := tx.Exec(ctx, q, before, most)
		pruned = int(tag.RowsAffected())
		return err
	})
	return pruned, err
}
