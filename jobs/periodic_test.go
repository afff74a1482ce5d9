package jobs

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

// Regular work that panics, or fails, comes again, and is told of.
func TestPeriodicPanics(t *testing.T) {
	t.Parallel()
	turn, results := 0, make(chan Result, 3)
	p := &periodic{
		name: "test", every: time.Millisecond, log: slog.New(slog.DiscardHandler),
		run: func(context.Context) error {
			turn++
			switch turn {
			case 1:
				panic(errPanic)
			case 2:
				return errPanic
			}
			return nil
		},
		observe: func(_ string, result Result, _ time.Duration) {
			select {
			case results <- result:
			default:
			}
		},
	}
	p.start()
	defer p.stop()
	for i, want := range []Result{Errored, Errored, Done} {
		select {
		case got := <-results:
			if got != want {
				t.Errorf("turn %d: %s, want %s", i+1, got, want)
			}
		case <-time.After(patience):
			t.Fatalf("turn %d does not come", i+1)
		}
	}
}
