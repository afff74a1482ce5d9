package jobs

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// announcer tells the workers of all replicas that interactive jobs are
// waiting. River would do so in the transaction that inserts them, but Postgres
// lets only one transaction with a NOTIFY commit at a time, which makes every
// request wait for every other's disk write; and it would keep silent for a
// while after each time, so that a job of that while is found late. A
// NOTIFY of its own writes nothing to disk.
type announcer struct {
	pool *pgxpool.Pool

	mu   sync.Mutex
	due  bool // a NOTIFY is going to be sent
	last time.Time
}

// Announce tells the workers to look for interactive jobs. Call it when the
// transaction that inserted them has committed. It returns at once and may be
// called by many at a time: what comes within the workers' own pace is told
// together. Should the word get lost, they look by themselves a moment later.
func (a *announcer) Announce() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.due {
		return
	}
	a.due = true
	time.AfterFunc(fetchCooldown-time.Since(a.last), a.send)
}

// announceTime bounds one NOTIFY; after it, workers look by themselves anyway.
const announceTime = time.Second

func (a *announcer) send() {
	a.mu.Lock()
	a.due, a.last = false, time.Now() // from here on a new job needs another
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), announceTime)
	defer cancel()
	const q = `/* jobs.Announce */ SELECT pg_notify(current_schema() || '.river_insert', jsonb_build_object('queue', $1::text)::text)`
	_, _ = a.pool.Exec(ctx, q, interactive) // the workers look by themselves
}
