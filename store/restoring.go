package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// Of a row of looks: that none could be ended for so long that something may have been
// missed; that for so long nobody even tried; that there is an outage, since Twilio has not
// answered since either, or, if it has, that was long ago; and that what
// one has missed is being restored. Whatever keeps that from ending, and looks from ever
// being ended, does so for an hour after Twilio has answered, and not again for a while; each
// text asks for what its reader has said in any case. Looks that take long are no outage.
const (
	unseen           = `seen_through + away <= now()`
	untried          = `next_at + away <= now()`
	longestRestoring = `interval '1 hour'` // that texts wait
	outage           = unseen + ` AND (outage_ended_at IS NULL OR outage_ended_at + away <= now())
		AND (restoring_since IS NULL OR restoring_since < seen_through OR restoring_since + ` + longestRestoring + ` + away <= now() OR ` + untried + `)`
	restoring = `restoring_since > now() - ` + longestRestoring
)

// restoringSince is the time, NULL for none, before which texts were called for that wait
// because Twilio is being asked for what an outage has missed, or is about to be: now,
// for as long as it lasts, of which inOutage tells.
const (
	restoringSince = `(SELECT CASE WHEN ` + outage + ` THEN now() ELSE restoring_since END FROM looks
		WHERE scope = '` + discoveryLook + `' AND (` + outage + ` OR ` + restoring + `))`
	inOutage = `EXISTS (SELECT FROM looks WHERE scope = '` + discoveryLook + `' AND ` + outage + `)`
)

// Restored ends the restoring after an outage, and reports that it did, if every open
// conversation was compared with Twilio's since its beginning, those that are closed and
// were due were asked about, and those that a look has found were gone after. Who has a
// text waiting need not wait any longer; with an error they come back by themselves.
func (s *Store) Restored(ctx context.Context) (restored bool, err error) {
	const begun = `/* store.Restored */ SELECT restoring_since, found_at FROM looks WHERE scope = $1 AND found_at IS NOT NULL`
	var since, found time.Time
	restoring, err := optional(s.pool.QueryRow(ctx, begun, discoveryLook).Scan(&since, &found))
	if err != nil || !restoring {
		return false, translate("restored", err)
	}
	const owed = `/* store.Restored */
		SELECT EXISTS (SELECT FROM conversations WHERE ` + openAtTwilio + ` AND mapping_checked_at < $1)
			OR EXISTS (SELECT FROM conversations WHERE reconcile_at <= $1 AND conversation_sid IS NOT NULL)
			OR EXISTS (SELECT FROM conversations WHERE claimed_due_at <= $1 AND reconcile_at IS NOT NULL)`
	var left bool
	if err := s.pool.QueryRow(ctx, owed, since).Scan(&left); err != nil || left {
		return false, translate("restored", err)
	}
	if left, err = s.queue.Untried(ctx, chat.AdoptJob{}.Kind(), found); err != nil || left {
		return false, err
	}
	err = s.tx(ctx, "restored", func(tx pgx.Tx) error {
		const end = `/* store.Restored */
			UPDATE looks SET restoring_since = NULL, found_at = NULL WHERE scope = $1 AND restoring_since = $2 AND found_at = $3`
		tag, err := tx.Exec(ctx, end, discoveryLook, since, found)
		restored = tag.RowsAffected() > 0
		return err
	})
	if err != nil || !restored {
		return false, err
	}
	return true, s.tx(ctx, "hasten waiting", func(tx pgx.Tx) error { return s.hastenWaiting(ctx, tx, since) })
}

// hastenWaiting makes the jobs due of the conversations that have texts waiting from
// before; of very many the rest come back by themselves.
func (s *Store) hastenWaiting(ctx context.Context, tx pgx.Tx, before time.Time) error {
	const waiting = `/* store.hastenWaiting */
		SELECT DISTINCT m.conversation_id FROM messages m WHERE m.status IN ('queued', 'sending') AND ` + calledForAt + ` < $1 LIMIT $2`
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
