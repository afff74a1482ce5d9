package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"textme/chat"
)

// What arrives together shares a commit, each caller answered only after it.
// Nobody waits for company: a batch is whatever has come while the one before
// was being committed.
const (
	maxBatch   = 64
	committers = 2 // batches at once: one commits while the next applies
	batchTime  = 4 * time.Second
)

// groupCommit gathers items that callers bring one at a time.
type groupCommit[T, R any] struct {
	// apply commits a batch and returns a result for each item in order and, if
	// not all were kept, an error for each, nil for those that were.
	apply func(context.Context, []T) ([]R, []error)

	committers int // batches at once

	mu      sync.Mutex
	waiting []*pending[T, R]
	running int
}

type pending[T, R any] struct {
	item   T
	done   chan struct{}
	result R
	err    error
}

// do brings one item and waits until it is committed. When ctx ends first the
// item may still be.
func (g *groupCommit[T, R]) do(ctx context.Context, item T) (R, error) {
	p := &pending[T, R]{item: item, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, p)
	if g.running < g.committers {
		g.running++
		go g.commit()
	}
	g.mu.Unlock()
	select {
	case <-p.done:
		return p.result, p.err
	case <-ctx.Done():
		var none R
		return none, fmt.Errorf("wait for the commit: %w: %w", chat.ErrUnavailable, ctx.Err())
	}
}

// commit commits batch after batch until nobody waits.
func (g *groupCommit[T, R]) commit() {
	for {
		g.mu.Lock()
		n := min(len(g.waiting), maxBatch)
		if n == 0 {
			g.running--
			g.mu.Unlock()
			return
		}
		batch := append([]*pending[T, R](nil), g.waiting[:n]...)
		g.waiting = append(g.waiting[:0], g.waiting[n:]...)
		g.mu.Unlock()
		g.commitBatch(batch)
	}
}

func (g *groupCommit[T, R]) commitBatch(batch []*pending[T, R]) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTime)
	defer cancel()
	items := make([]T, len(batch))
	for i, p := range batch {
		items[i] = p.item
	}
	results, errs := g.apply(ctx, items)
	for i, p := range batch {
		if errs != nil && errs[i] != nil {
			p.err = errs[i]
		} else {
			p.result = results[i]
		}
		close(p.done)
	}
}
