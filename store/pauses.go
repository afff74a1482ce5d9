package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// Pause stops the account or a sender. The first reason stays; began tells
// whether this is the first.
func (s *Store) Pause(ctx context.Context, scope string, code int, reason string, probe time.Time) (began bool, err error) {
	err = s.tx(ctx, "pause", func(tx pgx.Tx) error {
		const q = `/* store.Pause */
			INSERT INTO pauses (scope, code, reason, probe_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (scope) WHERE ended_at IS NULL DO NOTHING`
		tag, err := tx.Exec(ctx, q, scope, code, reason, probe)
		began = tag.RowsAffected() > 0
		return err
	})
	return began, err
}

// ClaimProbe lets exactly one caller through a pause whose probe is due.
func (s *Store) ClaimProbe(ctx context.Context, sender chat.Phone, now, next time.Time) (claimed bool, err error) {
	err = s.tx(ctx, "claim probe", func(tx pgx.Tx) error {
		const q = `/* store.ClaimProbe */
			UPDATE pauses SET probe_at = $4 WHERE scope IN ($1, $2) AND probe_at <= $3 AND ended_at IS NULL`
		tag, err := tx.Exec(ctx, q, chat.AccountScope, sender, now, next)
		claimed = tag.RowsAffected() > 0
		return err
	})
	return claimed, err
}

// HandBackProbe makes the probe due at now that was claimed with next.
func (s *Store) HandBackProbe(ctx context.Context, sender chat.Phone, now, next time.Time) error {
	return s.tx(ctx, "hand back probe", func(tx pgx.Tx) error {
		const q = `/* store.HandBackProbe */
			UPDATE pauses SET probe_at = $3 WHERE scope IN ($1, $2) AND probe_at = $4 AND ended_at IS NULL`
		_, err := tx.Exec(ctx, q, chat.AccountScope, sender, now, next)
		return err
	})
}

// PassProbe wakes the oldest of the other conversations that may wait for the end of
// the account's pause or the sender's, and would come back by themselves within the
// time. Its job is pulled forward: one more for each probe would stay, and wait, for as
// long as the pause lasts.
func (s *Store) PassProbe(ctx context.Context, lease chat.Lease, sender chat.Phone, within time.Duration) error {
	return s.tx(ctx, "pass probe", func(tx pgx.Tx) error {
		const q = `/* store.PassProbe */
			SELECT id FROM conversations
			WHERE work_seq > done_seq AND retry_at > now() AND retry_at <= now() + $4::interval AND id <> $1
				AND (sender = $2 OR EXISTS (SELECT FROM pauses WHERE scope = $3 AND ended_at IS NULL))
			ORDER BY id LIMIT 1 -- which is their age`
		var next uuid.UUID
		found, err := optional(tx.QueryRow(ctx, q, lease.ConversationID, sender, chat.AccountScope, within).Scan(&next))
		if err != nil || !found {
			return err
		}
		return s.hasten(ctx, tx, chat.AdvanceJob{ConversationID: next})
	})
}

// Resume ends the pauses of the account and the sender that a call can end, and
// says why sending stays paused, "" if it does not.
func (s *Store) Resume(ctx context.Context, sender chat.Phone) (still string, err error) {
	return s.resume(ctx, sender, chat.AccountScope, string(sender))
}

// ResumeAccount does as Resume for the account's pause alone.
func (s *Store) ResumeAccount(ctx context.Context, sender chat.Phone) (still string, err error) {
	return s.resume(ctx, sender, chat.AccountScope)
}

// ResumeCredentials ends the account's pause if that is for chat.CodeCredentials.
func (s *Store) ResumeCredentials(ctx context.Context) (ended bool, err error) {
	const q = `/* store.ResumeCredentials */
		UPDATE pauses SET ended_at = now() WHERE scope = $1 AND code = $2 AND ended_at IS NULL AND NOT by_receipt`
	err = s.tx(ctx, "resume credentials", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, q, chat.AccountScope, chat.CodeCredentials)
		ended = tag.RowsAffected() > 0
		return err
	})
	return ended, err
}

func (s *Store) resume(ctx context.Context, sender chat.Phone, scopes ...string) (still string, err error) {
	err = s.tx(ctx, "resume", func(tx pgx.Tx) error {
		const end = `/* store.Resume */
			UPDATE pauses SET ended_at = now() WHERE scope = ANY($1) AND ended_at IS NULL AND NOT by_receipt`
		if _, err := tx.Exec(ctx, end, scopes); err != nil {
			return err
		}
		const left = `/* store.Resume */ SELECT reason FROM pauses WHERE scope IN ($1, $2) AND ended_at IS NULL LIMIT 1`
		_, err := optional(tx.QueryRow(ctx, left, chat.AccountScope, sender).Scan(&still))
		return err
	})
	return still, err
}

// bannerPauses is how many pauses a page shows above everything else.
const bannerPauses = 5

// Paused lists what is not being sent now, the account first, then the senders in the
// order in which they were paused, at the most five.
func (s *Store) Paused(ctx context.Context) ([]chat.Pause, error) {
	const q = `/* store.Paused */
		SELECT scope, reason FROM pauses WHERE ended_at IS NULL ORDER BY (scope = $1) DESC, since, scope LIMIT $2`
	rows, err := s.pool.Query(ctx, q, chat.AccountScope, bannerPauses)
	if err != nil {
		return nil, translate("paused", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[chat.Pause])
	return list, translate("paused", err)
}
