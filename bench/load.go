package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// outcome is what a load came to.
type outcome struct {
	took    time.Duration
	done    int // answered as expected
	refused int // anything else: another status, no answer
	waits   waits
}

// rate is how many were answered as expected per second.
func (o outcome) rate() float64 { return float64(o.done) / o.took.Seconds() }

// count adds a request that began then.
func (o *outcome) count(begun time.Time, ok bool) {
	if !ok {
		o.refused++
		return
	}
	o.done++
	o.waits = append(o.waits, time.Since(begun))
}

// waits are the times of single requests, sorted.
type waits []time.Duration

// at is the q-quantile, q from 0 to 1; 0 when there are none.
func (w waits) at(q float64) time.Duration {
	if len(w) == 0 {
		return 0
	}
	return w[min(int(q*float64(len(w))), len(w)-1)]
}

// load is a number of clients that post requests to one address.
type load struct {
	address string
	clients int
	want    int // the status that counts as done
}

// closed lets every client post one request after another for d.
func (l load) closed(ctx context.Context, d time.Duration, request func(client int) []byte) outcome {
	end := time.Now().Add(d)
	return l.run(func(i int, c *client, o *outcome) {
		for ctx.Err() == nil && time.Now().Before(end) {
			o.count(time.Now(), l.post(ctx, c, request(i)))
		}
	})
}

// open posts so many requests a second for d, whether or not earlier ones have
// been answered: a late one counts from when it was due.
func (l load) open(ctx context.Context, perSecond int, d time.Duration, request func(client int) []byte) outcome {
	return l.arrivals(ctx, perSecond, d, func(i int, c *client) bool { return l.post(ctx, c, request(i)) })
}

// arrivals begins something so many times a second for d, as open does.
func (l load) arrivals(ctx context.Context, perSecond int, d time.Duration, do func(i int, c *client) bool) outcome {
	begin, total := time.Now(), int64(d.Seconds()*float64(perSecond))
	every := time.Second / time.Duration(perSecond)
	var taken atomic.Int64
	return l.run(func(i int, c *client, o *outcome) {
		for n := taken.Add(1) - 1; n < total && ctx.Err() == nil; n = taken.Add(1) - 1 {
			due := begin.Add(time.Duration(n) * every)
			waitUntil(ctx, due)
			o.count(due, do(i, c))
		}
	})
}

// post reports whether the request was answered as expected.
func (l load) post(ctx context.Context, c *client, request []byte) bool {
	status, err := c.do(ctx, request)
	return err == nil && status == l.want
}

// run gives every client a connection and an outcome of its own, and returns
// the sum when all have ended.
func (l load) run(work func(i int, c *client, o *outcome)) outcome {
	var mu sync.Mutex
	var all outcome
	var clients sync.WaitGroup
	start := time.Now()
	for i := range l.clients {
		clients.Go(func() {
			c := &client{address: l.address}
			defer c.close()
			var mine outcome
			work(i, c, &mine)
			mu.Lock()
			defer mu.Unlock()
			all.done += mine.done
			all.refused += mine.refused
			all.waits = append(all.waits, mine.waits...)
		})
	}
	clients.Wait()
	all.took = time.Since(start)
	slices.Sort(all.waits)
	return all
}

func waitUntil(ctx context.Context, due time.Time) {
	t := time.NewTimer(time.Until(due))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
