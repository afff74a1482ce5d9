package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// The totals that are counted in the transaction of what they count.
const (
	webhooksLost = "webhooks_lost" // see WebhooksLost
)

// lostAfter is how old a fact must be, when polling finds it, for its webhook
// to be given up: Twilio gives one five seconds to be answered
// (https://www.twilio.com/docs/conversations-classic/conversations-webhooks).
const lostAfter = 30 * time.Second

// count adds n to a total since the beginning.
func count(ctx context.Context, tx pgx.Tx, name string, n int) error {
	if n == 0 {
		return nil
	}
	const q = `/* store.count */
		INSERT INTO counters AS c (name, window_start, n) VALUES ($1, 'epoch', $2)
		ON CONFLICT (name, window_start, shard) DO UPDATE SET n = c.n + excluded.n`
	_, err := tx.Exec(ctx, q, name, n)
	return err
}

func (s *Store) total(ctx context.Context, name string) (n int64, err error) {
	const q = `/* store.total */ SELECT coalesce(sum(n), 0)::bigint FROM counters WHERE name = $1 AND window_start = 'epoch'`
	err = s.pool.QueryRow(ctx, q, name).Scan(&n)
	return n, translate("total", err)
}

// WebhooksLost counts the texts and receipts, of all replicas since the
// beginning, that were more than half a minute old when polling found them and
// that no webhook had brought.
func (s *Store) WebhooksLost(ctx context.Context) (int64, error) { return s.total(ctx, webhooksLost) }
