package jobs

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// periodic runs one use case at a steady pace, beginning at once. It needs no
// leader among the replicas: every one runs it, and the use case claims its
// work row by row.
type periodic struct {
	name    string
	every   time.Duration
	run     func(context.Context) error
	observe Observe
	log     *slog.Logger

	cancel  context.CancelFunc // nil before the start
	stopped sync.WaitGroup
}

func (p *periodic) start() {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.stopped.Go(func() {
		tick := time.NewTicker(p.every)
		defer tick.Stop()
		for {
			p.once(ctx)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// once outlives a panic, as the runner of jobs does: all other work goes on.
func (p *periodic) once(ctx context.Context) {
	result, start := Errored, time.Now()
	defer func() {
		if recover() != nil {
			p.log.ErrorContext(ctx, "periodic work panicked", "work", p.name, "trace", string(debug.Stack()))
		}
		p.observe(p.name, result, time.Since(start))
	}()
	if err := p.run(ctx); err != nil && ctx.Err() == nil {
		p.log.WarnContext(ctx, "periodic work failed", "work", p.name, "err", err)
		return
	}
	result = Done
}

// stop returns when the run under way has ended. Stopping again, or before a
// start, does nothing.
func (p *periodic) stop() {
	if p.cancel != nil {
		p.cancel()
	}
	p.stopped.Wait()
}
