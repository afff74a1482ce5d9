package chat

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestLine(t *testing.T) {
	t.Parallel()
	const every = 100 * time.Millisecond
	ann, bob, eve := uuid.New(), uuid.New(), uuid.New()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	l := &line{turns: map[uuid.UUID]time.Time{}}
	want := func(what string, got, want time.Duration) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	want("nobody waits", l.turn(ann, now, every), 0)
	want("the first to be sent away", l.join(ann, now, every, 2*time.Second), 2*time.Second)
	want("the next comes after", l.join(bob, now, every, time.Second), 2*time.Second+every)
	want("a newcomer goes to the end", l.turn(eve, now, every), 2*time.Second+2*every)
	want("too early", l.turn(ann, now.Add(time.Second), every), time.Second-longestWait)
	want("in time", l.turn(ann, now.Add(2*time.Second), every), 0)
	l.leave(ann)
	want("joins anew", l.turn(ann, now.Add(time.Second), every), time.Second+3*every)
	want("when the line is over, nobody waits", l.turn(uuid.New(), now.Add(time.Minute), every), 0)
	l.join(uuid.New(), now.Add(2*forgetAfter), every, 0)
	if len(l.turns) != 1 {
		t.Errorf("%d are remembered long after their turn, want only the last", len(l.turns))
	}
}
