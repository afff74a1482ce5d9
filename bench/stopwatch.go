package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// stopwatch times from a text in a prepared conversation to our next text in
// it.
type stopwatch struct {
	mu    sync.Mutex
	begun map[string]time.Time // by conversation
	taken waits
}

func newStopwatch(conversations int) *stopwatch {
	return &stopwatch{begun: make(map[string]time.Time, conversations)}
}

// start begins to time the n-th conversation.
func (w *stopwatch) start(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun[sidOf("CH", n)] = time.Now()
}

// stop ends the time of a conversation, if it is running.
func (w *stopwatch) stop(sid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if begun, running := w.begun[sid]; running {
		w.taken = append(w.taken, time.Since(begun))
		delete(w.begun, sid)
	}
}

// lastReply is how long after the last text replies are still waited for.
const lastReply = 3 * time.Second

// waits returns the times taken since it was last asked, once none is running or
// lastReply has passed.
func (w *stopwatch) waits(ctx context.Context) waits {
	deadline := time.Now().Add(lastReply)
	for w.running() > 0 && time.Now().Before(deadline) && ctx.Err() == nil {
		waitUntil(ctx, time.Now().Add(5*time.Millisecond))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.taken
	w.taken = nil
	slices.Sort(taken)
	return taken
}

func (w *stopwatch) running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.begun)
}
