package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"textme/chat"
)

// What is committed together waits together for the locks of all that it is about.
// Our own transactions hold locks for a few round trips to the database, so a batch
// need not wait for longer than that, and what is tried alone afterwards even less:
// others wait behind it.
const (
	batchPatience = time.Second
	alonePatience = 200 * time.Millisecond
)

// fairCommit is a group commit where a subject that somebody keeps locked, such as a
// process that hangs, keeps nothing waiting but what is about it. That is tried again,
// apart from the rest, for as long as a lock is waited for elsewhere.
type fairCommit[T, R any] struct {
	subject func(T) string // what the item may have to wait for
	all     groupCommit[T, R]
	stuck   groupCommit[T, R]

	mu      sync.Mutex
	waiting map[string]int // by subject: how many items are with the stuck
}

// newFairCommit makes one that commits items together, and what is stuck apart.
func newFairCommit[T, R any](subject func(T) string, together, apart func(context.Context, []T) ([]R, []error)) *fairCommit[T, R] {
	return &fairCommit[T, R]{
		subject: subject,
		all:     groupCommit[T, R]{committers: committers, apply: together},
		stuck:   groupCommit[T, R]{committers: 1, apply: apart},
		waiting: map[string]int{},
	}
}

// do is groupCommit.do.
func (f *fairCommit[T, R]) do(ctx context.Context, item T) (R, error) {
	subject := f.subject(item)
	if !f.isStuck(subject) {
		if result, err := f.all.do(ctx, item); !locked(err) {
			return result, err
		}
	}
	f.count(subject, 1)
	defer f.count(subject, -1)
	for end := time.Now().Add(lockTimeout); ; {
		if result, err := f.stuck.do(ctx, item); !locked(err) || time.Now().After(end) {
			return result, err
		}
	}
}

// isStuck reports whether something about the subject is stuck just now.
func (f *fairCommit[T, R]) isStuck(subject string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting[subject] > 0
}

func (f *fairCommit[T, R]) count(subject string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting[subject] += n; f.waiting[subject] == 0 {
		delete(f.waiting, subject)
	}
}

// oneByOne commits each item alone, where one has spoiled it for the others. A
// subject that is locked is not waited for twice; when the database cannot commit an
// item for another reason, the rest is not tried.
func oneByOne[T, R any](items []T, subject func(T) string, commit func(T) (R, error)) (results []R, errs []error) {
	results, errs = make([]R, len(items)), make([]error, len(items))
	stuck := map[string]error{}
	for i, item := range items {
		about := subject(item)
		if errs[i] = stuck[about]; errs[i] != nil {
			continue
		}
		results[i], errs[i] = commit(item)
		switch {
		case locked(errs[i]):
			stuck[about] = errs[i]
		case errors.Is(errs[i], chat.ErrUnavailable):
			for j := range errs[i:] {
				errs[i+j] = errs[i]
			}
			return results, errs
		}
	}
	return results, errs
}
