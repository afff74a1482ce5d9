package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Health answers readiness probes about a database.
type Health struct {
	pool    *pgxpool.Pool
	pending func(context.Context, *pgxpool.Pool) (bool, error)

	mu    sync.Mutex // held while asking: the others wait for the same answer
	asked time.Time
	err   error // the latest answer
	ready bool  // the schema was seen to be current; it does not go back
}

// An answer about the database serves everybody who asks within healthFresh, for
// anybody may ask as often as they like; healthTime bounds the question.
const (
	healthFresh = time.Second
	healthTime  = 2 * time.Second
)

// NewHealth makes a Health; pending reports whether a migration is missing.
func NewHealth(pool *pgxpool.Pool, pending func(context.Context, *pgxpool.Pool) (bool, error)) *Health {
	return &Health{pool: pool, pending: pending}
}

// Ready returns nil when the database answers, or did within the last second, and
// has every migration of this build. It answers within two seconds of its turn,
// whatever becomes of ctx.
func (h *Health) Ready(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) >= healthFresh {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTime)
		defer cancel()
		h.err = h.ask(ctx)
		h.asked = time.Now()
	}
	return h.err
}

func (h *Health) ask(ctx context.Context) error {
	if err := h.pool.Ping(ctx); err != nil {
		return translate("ready", err)
	}
	if h.ready {
		return nil
	}
	pending, err := h.pending(ctx, h.pool)
	if err != nil {
		return translate("ready", err)
	}
	if pending {
		return errors.New("ready: migrations are pending; run textme migrate up")
	}
	h.ready = true
	return nil
}
