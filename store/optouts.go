package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// organisation is the scope of an opt-out unless it is set narrower.
const organisation = "organisation"

// Opt-outs are applied in any order, for what counts is when the person said
// it: every STOP is a row of its own, open until the first START after it. A
// START that finds nothing to clear is remembered too, so that a STOP from
// before it, arriving late, silences nobody.

// optOut records that the person said STOP at that time.
func (s *Store) optOut(ctx context.Context, tx pgx.Tx, phone chat.Phone, at time.Time, via, heardBy string) error {
	const q = `/* store.optOut */
		INSERT INTO opt_outs (id, scope, phone_hmac, since, via, heard_by, cleared_at, cleared_via)
		SELECT $1, $2, $3, $4, $5, $6, min(cleared_at), CASE WHEN min(cleared_at) IS NULL THEN '' ELSE 'text' END
		FROM opt_outs WHERE scope = $2 AND phone_hmac = $3 AND cleared_at >= $4
		ON CONFLICT DO NOTHING`
	_, err := tx.Exec(ctx, q, newID(), organisation, s.keys.HashPhone(phone), at, via, heardBy)
	return err
}

// optIn records that the person said START at that time.
func (s *Store) optIn(ctx context.Context, tx pgx.Tx, phone chat.Phone, at time.Time, heardBy string) error {
	const end = `/* store.optIn */
		UPDATE opt_outs SET cleared_at = $2, cleared_via = 'text'
		WHERE phone_hmac = $1 AND since <= $2 AND (cleared_at IS NULL OR cleared_at > $2)`
	if _, err := tx.Exec(ctx, end, s.keys.HashPhone(phone), at); err != nil {
		return err
	}
	const q = `/* store.optIn */
		INSERT INTO opt_outs (id, scope, phone_hmac, since, via, heard_by, cleared_at, cleared_via)
		VALUES ($1, $2, $3, $4, 'text', $5, $4, 'text') ON CONFLICT DO NOTHING`
	_, err := tx.Exec(ctx, q, newID(), organisation, s.keys.HashPhone(phone), at, heardBy)
	return err
}

// optedOutSince is when the person's present opt-out began, zero for none.
func (s *Store) optedOutSince(ctx context.Context, tx querier, phone chat.Phone, sender chat.Phone) (time.Time, error) {
	const q = `/* store.optedOutSince */
		SELECT since FROM opt_outs
		WHERE phone_hmac = $1 AND cleared_at IS NULL AND scope IN ('organisation', $2) ORDER BY since LIMIT 1`
	var since time.Time
	err := tx.QueryRow(ctx, q, s.keys.HashPhone(phone), sender).Scan(&since)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return since, err
}

// optedOut tells whether the person whose phone's hash is $3 has opted out of
// the sender $4.
const optedOut = `EXISTS (SELECT FROM opt_outs WHERE phone_hmac = $3 AND cleared_at IS NULL AND scope IN ('organisation', $4))`

// lifted tells whether the text m of that person lifted such an opt-out.
const lifted = `EXISTS (SELECT FROM opt_outs said JOIN opt_outs o ON o.cleared_at = said.since AND o.since < said.since
	WHERE said.scope = 'organisation' AND said.phone_hmac = $3 AND said.heard_by = m.message_sid
		AND o.scope IN ('organisation', $4) AND o.phone_hmac = $3)`

// querier is a transaction or the pool.
type querier interface {
	QueryRow(ctx context.Context, q string, args ...any) pgx.Row
}
