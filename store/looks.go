package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// discoveryLook is the look for conversations that nobody told us of.
const discoveryLook = "conversations"

// ClaimLook gives one caller the right to look if a look is due, and keeps it from others
// for hold. If none could be ended for away, there is an outage, until Twilio answers again;
// what one from before has missed is a part of it if nobody has even tried.
// The first of all only notes that everything from before has been seen, and that the
// conversations there are, of a time when nobody looked, are to be compared.
func (s *Store) ClaimLook(ctx context.Context, hold, away time.Duration) (since time.Time, due bool, err error) {
	err = s.tx(ctx, "claim look", func(tx pgx.Tx) error {
		const q = `/* store.ClaimLook */
			UPDATE looks SET next_at = now() + $2::interval, away = coalesce(away, $3),
				restoring_since = CASE WHEN ` + untried + ` THEN NULL ELSE restoring_since END,
				found_at = CASE WHEN ` + untried + ` THEN NULL ELSE found_at END
			WHERE scope = $1 AND next_at <= now() RETURNING seen_through`
		err := tx.QueryRow(ctx, q, discoveryLook, hold, away).Scan(&since)
		if due = err == nil; !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		const first = `/* store.ClaimLook */
			INSERT INTO looks (scope, next_at, away, outage_ended_at) VALUES ($1, now() + $2::interval, $3, now()) ON CONFLICT DO NOTHING`
		_, err = tx.Exec(ctx, first, discoveryLook, hold, away)
		return err
	})
	return since, due, err
}

// FinishLook enqueues an AdoptJob for each conversation that belongs to no row
// by its SID or by the unique name we gave it, and remembers up to when all
// have been seen. The next look is every later, and without one for away there is an
// outage. A look that ends one, or comes later than that by itself, has all be compared that
// may have been missed.
func (s *Store) FinishLook(ctx context.Context, found []chat.RemoteConversation, through time.Time, every, away time.Duration) (unknown int, err error) {
	sids, ids := make([]chat.ConversationSID, len(found)), make([]uuid.UUID, len(found))
	for i, c := range found {
		sids[i], ids[i] = c.SID, chat.ReadUniqueName(c.UniqueName)
	}
	err = s.tx(ctx, "finish look", func(tx pgx.Tx) error {
		const q = `/* store.FinishLook */
			SELECT sid FROM unnest($1::text[], $2::uuid[]) AS found(sid, named)
			WHERE NOT EXISTS (SELECT FROM conversations WHERE conversation_sid = sid)
				AND NOT EXISTS (SELECT FROM conversations WHERE id = named)`
		strangers, err := collect[chat.ConversationSID](ctx, tx, q, sids, ids)
		if err != nil {
			return err
		}
		jobs := make([]chat.Job, len(strangers))
		for i, sid := range strangers {
			jobs[i] = chat.AdoptJob{ConversationSID: sid}
		}
		if err := s.enqueue(ctx, tx, jobs); err != nil {
			return err
		}
		unknown = len(jobs)
		const seen = `/* store.FinishLook */
			UPDATE looks SET seen_through = greatest(seen_through, $2), next_at = now() + $3::interval, away = $4,
				restoring_since = CASE WHEN ` + outage + ` THEN now() ELSE restoring_since END,
				outage_ended_at = CASE WHEN ` + unseen + ` THEN now() ELSE outage_ended_at END,
				found_at = CASE WHEN ` + outage + ` THEN now() WHEN restoring_since IS NOT NULL THEN coalesce(found_at, now()) END
			WHERE scope = $1`
		_, err = tx.Exec(ctx, seen, discoveryLook, through, every, away)
		return err
	})
	return unknown, err
}

// BackInReach ends the outage, if there is one: what it has missed is being restored from
// now on, and a look is due.
func (s *Store) BackInReach(ctx context.Context) error {
	return s.tx(ctx, "back in reach", func(tx pgx.Tx) error {
		const q = `/* store.BackInReach */
			UPDATE looks SET restoring_since = now(), outage_ended_at = now(), found_at = NULL, next_at = now()
			WHERE scope = $1 AND ` + outage
		_, err := tx.Exec(ctx, q, discoveryLook)
		return err
	})
}

// LookAgain has the next look come after so long, however long the last one took.
func (s *Store) LookAgain(ctx context.Context, after time.Duration) error {
	return s.tx(ctx, "look again", func(tx pgx.Tx) error {
		const q = `/* store.LookAgain */ UPDATE looks SET next_at = now() + $2::interval WHERE scope = $1`
		_, err := tx.Exec(ctx, q, discoveryLook, after)
		return err
	})
}
