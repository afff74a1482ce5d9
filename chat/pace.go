package chat

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
)

type paceStore interface {
	// BookSlots books n slots, every apart, of a rate that all replicas
	// share, and says how long the first is away. It books nothing, and
	// returns ok = false, when that is more than most.
	BookSlots(ctx context.Context, scope string, n int, every, most time.Duration) (first time.Duration, ok bool, err error)
}

// createScope is the shared rate of creating conversations; the scope of a
// sender's rate is its number.
const createScope = "create"

// Workers wait for a slot only when it is near; a farther one is not booked,
// and the job snoozes, so that waiting jobs do not fill the workers. A block
// of slots is booked at once, as much as passes in blockTime, so that busy
// replicas do not queue on one row.
const (
	longestWait = 300 * time.Millisecond
	blockTime   = 100 * time.Millisecond
)

// bookTime bounds the booking of slots, for which all others of the process wait: a
// connection may hang for minutes. It is as long as a Retry-After is asked for.
const bookTime = 2 * time.Second

// pacer hands out the slots of the shared rates.
type pacer struct {
	store paceStore

	mu    sync.Mutex
	slots map[string][]time.Time // booked and free, by scope
	lines map[string]*line       // who was sent away, by scope
}

func newPacer(store paceStore) *pacer {
	return &pacer{store: store, slots: map[string][]time.Time{}, lines: map[string]*line{}}
}

// ready returns a Snooze when others wait for the scope's rate and it is not
// this one's turn yet. Asking before any other work is cheap, and spares that
// work while there is no slot for it.
func (p *pacer) ready(scope string, who uuid.UUID, every time.Duration) error {
	if every <= 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if wait := p.line(scope).turn(who, time.Now(), every); wait > 0 {
		return Snooze{After: wait, Why: usedUp}
	}
	return nil
}

// putOff has one that cannot go on now come back in its turn, and no sooner than
// after the given time. It returns how long that is away.
func (p *pacer) putOff(scope string, who uuid.UUID, every, after time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line(scope).join(who, time.Now(), every, after)
}

const usedUp = "the rate is used up"

// line is the scope's line. The lock is held.
func (p *pacer) line(scope string) *line {
	if p.lines[scope] == nil {
		p.lines[scope] = &line{turns: map[uuid.UUID]time.Time{}}
	}
	return p.lines[scope]
}

// take waits for a slot of the scope's rate: one call every so often. A zero
// rate never waits. It returns a Snooze when the next slot is too far away.
func (p *pacer) take(ctx context.Context, scope string, who uuid.UUID, every time.Duration) error {
	if every <= 0 {
		return nil
	}
	slot, err := p.next(ctx, scope, who, every)
	if err != nil {
		return err
	}
	t := time.NewTimer(time.Until(slot))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pacer) next(ctx context.Context, scope string, who uuid.UUID, every time.Duration) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, bookTime)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	free := p.slots[scope]
	for len(free) > 0 && now.Sub(free[0]) > blockTime { // too old: their time has gone unused
		free = free[1:]
	}
	if len(free) == 0 {
		n := max(1, int(blockTime/every))
		first, ok, err := p.store.BookSlots(ctx, scope, n, every, longestWait)
		if err != nil {
			return time.Time{}, err
		}
		if !ok {
			return time.Time{}, Snooze{After: p.line(scope).join(who, now, every, first), Why: usedUp}
		}
		for i := range n {
			free = append(free, now.Add(first+time.Duration(i)*every))
		}
	}
	p.slots[scope] = free[1:]
	p.line(scope).leave(who)
	return free[0], nil
}

// jittered adds up to a quarter and a little, so that those who wait for the
// same thing do not all come back at once.
func jittered(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d/4+50*time.Millisecond))) //nolint:gosec // G404: jitter
}
