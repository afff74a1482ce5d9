package store

import (
	"context"
	"errors"
	"time"

	"textme/chat"
)

// What is committed together waits together for the locks of all that it is about.
// Our own transactions hold locks for a few round trips to the database, so a batch
// need not wait for longer than that, and even less where it is known that a process
// hangs: who waits behind one batch and then in the next must be answered in time all
// the same. When a batch has waited, its items are tried alone, and what is locked has
// its turn among the stuck: the others do not wait for it again. The stuck share their
// patience, for what is free again waits there behind what is not.
const (
	batchPatience = time.Second
	hangPatience  = 300 * time.Millisecond
	briefPatience = 10 * time.Millisecond
	stuckPatience = 200 * time.Millisecond
)

// commitWithin commits items and waits for no lock longer than patience. It returns
// what groupCommit.apply does.
type commitWithin[T, R any] func(ctx context.Context, patience time.Duration, items []T) ([]R, []error)

// fairCommit is a group commit where subjects that somebody keeps locked, such as a
// process that hangs in a batch of its own, keep nothing waiting but what is about
// them. That is tried again, apart from the rest, for as long as a lock is waited for
// elsewhere.
type fairCommit[T, R any] struct {
	subject         func(T) string // what the item may have to wait for
	together, apart commitWithin[T, R]
	all, stuck      groupCommit[T, R]
	locks           stuckLocks
}

// newFairCommit makes one that commits items together, and what is stuck apart.
func newFairCommit[T, R any](subject func(T) string, together, apart commitWithin[T, R]) *fairCommit[T, R] {
	f := &fairCommit[T, R]{subject: subject, together: together, apart: apart}
	f.all = groupCommit[T, R]{committers: committers, apply: f.commitAll}
	f.stuck = groupCommit[T, R]{committers: 1, apply: f.commitStuck}
	return f
}

// do is groupCommit.do.
func (f *fairCommit[T, R]) do(ctx context.Context, item T) (R, error) {
	if !f.locks.stuck(f.subject(item)) {
		if result, err := f.all.do(ctx, item); !locked(err) {
			return result, err
		}
	}
	for end := time.Now().Add(lockTimeout); ; {
		if result, err := f.stuck.do(ctx, item); !locked(err) || time.Now().After(end) {
			return result, err
		}
	}
}

// commitAll commits a batch together.
func (f *fairCommit[T, R]) commitAll(ctx context.Context, items []T) ([]R, []error) {
	patience := batchPatience
	if f.locks.hang() {
		patience = hangPatience
	}
	begun := time.Now()
	results, errs := f.together(ctx, patience, items)
	f.locks.note(f.subjects(items), errs, time.Since(begun) >= batchPatience)
	return results, errs
}

// commitStuck tries what is stuck.
func (f *fairCommit[T, R]) commitStuck(ctx context.Context, items []T) ([]R, []error) {
	subjects := f.subjects(items)
	different := map[string]bool{}
	for _, subject := range subjects {
		different[subject] = true
	}
	patience := max(briefPatience, stuckPatience/time.Duration(len(different)))
	results, errs := f.apart(ctx, patience, items)
	f.locks.note(subjects, errs, patience == stuckPatience)
	return results, errs
}

func (f *fairCommit[T, R]) subjects(items []T) []string {
	subjects := make([]string, len(items))
	for i, item := range items {
		subjects[i] = f.subject(item)
	}
	return subjects
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
