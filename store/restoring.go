package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// restoringSince is the time, NULL for none, before which texts were queued that wait
// because Twilio is being asked for what an outage has missed, or is about to be: now,
// for as long as nobody has looked. Whatever keeps that from ending does so for an hour
// at the most; each text asks for what its reader has said in any case.
const restoringSince = `(SELECT CASE WHEN outage_at <= now() THEN now() ELSE restoring_since END FROM looks
	WHERE scope = '` + discoveryLook + `' AND (outage_at <= now() OR restoring_since > now() - interval '1 hour'))`

// Restored ends the restoring after an outage, and reports that it did, if Twilio has been
// asked about every conversation that was due by its beginning, and those that a look has
// found were gone after once. Who has a text waiting need not wait any longer.
func (s *Store) Restored(ctx context.Context) (restored bool, err error) {
	err = s.tx(ctx, "restored", func(tx pgx.Tx) error {
		restored = false
		const begun = `/* store.Restored */ SELECT restoring_since, found_at FROM looks WHERE scope = $1 AND found_at IS NOT NULL`
		var since, found time.Time
		restoring, err := optional(tx.QueryRow(ctx, begun, discoveryLook).Scan(&since, &found))
		if err != nil || !restoring {
			return err
		}
		const owed = `/* store.Restored */
			SELECT EXISTS (SELECT FROM conversations WHERE reconcile_at <= $1 AND conversation_sid IS NOT NULL)
				OR EXISTS (SELECT FROM conversations WHERE claimed_due_at <= $1 AND reconcile_at IS NOT NULL)`
		var left bool
		if err := tx.QueryRow(ctx, owed, since).Scan(&left); err != nil || left {
			return err
		}
		if left, err = s.queue.Untried(ctx, chat.AdoptJob{}.Kind(), found); err != nil || left {
			return err
		}
		const end = `/* store.Restored */ UPDATE looks SET restoring_since = NULL, found_at = NULL WHERE scope = $1 AND restoring_since = $2`
		tag, err := tx.Exec(ctx, end, discoveryLook, since)
		if restored = tag.RowsAffected() > 0; err != nil || !restored {
			return err
		}
		return s.hastenWaiting(ctx, tx, since)
	})
	return restored, err
}

// hastenWaiting makes the jobs due of the conversations that have texts waiting from
// before; of very many the rest come back by themselves.
func (s *Store) hastenWaiting(ctx context.Context, tx pgx.Tx, before time.Time) error {
	const waiting = `/* store.hastenWaiting */
		SELECT DISTINCT conversation_id FROM messages WHERE status IN ('queued', 'sending') AND created_at < $1 LIMIT $2`
	ids, err := collect[uuid.UUID](ctx, tx, waiting, before, sweepBatch)
	if err != nil {
		return err
	}
	jobs := make([]chat.AdvanceJob, len(ids))
	for i, id := range ids {
		jobs[i].ConversationID = id
	}
	return s.hasten(ctx, tx, jobs...)
}
