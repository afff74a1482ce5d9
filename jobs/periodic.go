package jobs

import (
	"context"
	"log/slog"
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

func (p *periodic) once(ctx context.Context) {
	result, start := Done, time.Now()
	if err := p.run(ctx); err != nil && ctx.Err() == nil {
		p.log.WarnContext(ctx, "periodic work failed", "work", p.name, "err", err)
		result = Errored
	}
	p.observe(p.name, result, time.Since(start))
}

// stop returns when the run under way has ended. Stopping again, or before a
// start, does nothing.
func (p *periodic) stop() {
	if p.cancel != nil {
		p.cancel()
	}
	p.stopped.Wait()
}
