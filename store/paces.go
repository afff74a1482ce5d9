package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// BookSlots books n slots, every apart, of the scope's rate and returns how
// long the first is away, by the database's clock. When that is more than
// most it books nothing and returns ok = false.
func (s *Store) BookSlots(ctx context.Context, scope string, n int, every, most time.Duration) (first time.Duration, ok bool, err error) {
	err = s.tx(ctx, "book slots", func(tx pgx.Tx) error {
		const book = `/* store.BookSlots */
			INSERT INTO rates AS r (scope, next_at) VALUES ($1, now() + $2::interval)
			ON CONFLICT (scope) DO UPDATE SET next_at = greatest(r.next_at, now()) + $2::interval
			WHERE r.next_at <= now() + $3::interval
			RETURNING r.next_at - $2::interval - now()`
		err := tx.QueryRow(ctx, book, scope, time.Duration(n)*every, most).Scan(&first)
		if ok = err == nil; !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		const away = `/* store.BookSlots */ SELECT next_at - now() FROM rates WHERE scope = $1`
		return tx.QueryRow(ctx, away, scope).Scan(&first)
	})
	return first, ok, err
}

// holdScope is when Twilio, by a Retry-After, may be called again.
const holdScope = "hold"

// HoldCalls keeps every replica from calling Twilio for d.
func (s *Store) HoldCalls(ctx context.Context, d time.Duration) error {
	return s.tx(ctx, "hold calls", func(tx pgx.Tx) error {
		const q = `/* store.HoldCalls */
			INSERT INTO rates AS r (scope, next_at) VALUES ($1, clock_timestamp() + $2::interval)
			ON CONFLICT (scope) DO UPDATE SET next_at = greatest(r.next_at, excluded.next_at)`
		_, err := tx.Exec(ctx, q, holdScope, d)
		return err
	})
}

// HeldFor is how long Twilio may not be called from now on, by the database's
// clock; 0 when it may.
func (s *Store) HeldFor(ctx context.Context) (held time.Duration, err error) {
	const q = `/* store.HeldFor */
		SELECT coalesce(max(greatest(next_at - clock_timestamp(), interval '0')), interval '0') FROM rates WHERE scope = $1`
	err = s.pool.QueryRow(ctx, q, holdScope).Scan(&held)
	return held, translate("held for", err)
}
