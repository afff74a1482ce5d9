package handlers

import (
	"sync"
	"time"
)

// bucket is what attempts to sign in are counted for.
type bucket struct {
	kind bucketKind
	name string
}

type bucketKind int

const (
	byAccount bucketKind = iota // the hash of the username, known or not
	byDevice                    // a browser that has signed in to the account before
	byAddress                   // where the attempt comes from
)

// free is how many attempts are not slowed down. An office may share one
// address.
func (k bucketKind) free() int {
	if k == byAddress {
		return 20
	}
	return 5
}

// After the free attempts each one waits twice as long as the one before it,
// up to slowest: about 15 guesses in the first hour and six in each further
// one. Nobody is locked out for longer than slowest, and whoever has signed in
// before has a bucket apart from the strangers'.
const (
	firstWait   = 10 * time.Second
	slowest     = 10 * time.Minute
	countedFor  = time.Hour // without an attempt: then counted afresh
	maxThrottle = 20_000    // buckets remembered at a time
)

type attempts struct {
	count int
	last  time.Time
}

// throttle slows down guessing. It is kept in memory: a restart forgives.
type throttle struct {
	now func() time.Time

	mu      sync.Mutex
	buckets *lru[bucket, attempts]
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, buckets: newLRU[bucket, attempts](maxThrottle)}
}

// take counts one attempt in every bucket, or returns how long to wait and
// counts nothing. It comes before the password is checked, so that attempts at
// the same time count as well.
func (t *throttle) take(buckets ...bucket) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, b := range buckets {
		wait = max(wait, t.at(b, now).wait(b.kind, now))
	}
	if wait > 0 {
		return wait
	}
	for _, b := range buckets {
		a := t.at(b, now)
		a.count++
		a.last = now
	}
	return 0
}

// succeed forgets what was counted in mine and takes one attempt back from
// shared, where others' failures may be counted as well.
func (t *throttle) succeed(mine, shared bucket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buckets.forget(mine)
	if a := t.at(shared, t.now()); a.count > 0 {
		a.count--
	}
}

func (t *throttle) at(b bucket, now time.Time) *attempts {
	a := t.buckets.at(b, func() attempts { return attempts{} })
	if now.Sub(a.last) > countedFor {
		*a = attempts{}
	}
	return a
}

// wait is how long the next attempt has to wait.
func (a *attempts) wait(kind bucketKind, now time.Time) time.Duration {
	over := a.count - kind.free()
	if over < 0 {
		return 0
	}
	pause := slowest
	if over < 6 { // 10 s · 2⁶ is beyond slowest
		pause = firstWait << over
	}
	return a.last.Add(pause).Sub(now)
}
