package chat

import (
	"time"

	"github.com/google/uuid"
)

// line is where those wait for whom a rate has no slot now. Each is told when to
// come back, one after the other at the pace of the rate: if all came back as
// soon as a slot may be free, ten thousand would ask for every one. A turn is no
// promise. Slots are booked only by those who are there, so a turn that nobody
// takes costs nothing, and with several replicas, each with a line of its own,
// those who come too early join again.
type line struct {
	turns  map[uuid.UUID]time.Time
	end    time.Time // the last turn that was given
	pruned time.Time
}

// forgetAfter is how long after its turn one is known who did not come back.
const forgetAfter = time.Minute

// turn is how long who has to wait: not at all when its turn has come, or when
// nobody waits. A newcomer joins at the end.
func (l *line) turn(who uuid.UUID, now time.Time, every time.Duration) time.Duration {
	turn, waiting := l.turns[who]
	switch {
	case waiting:
		return max(0, turn.Sub(now)-longestWait)
	case l.end.Sub(now) > longestWait:
		return l.join(who, now, every, 0)
	}
	return 0
}

// join puts who at the end of the line, no sooner than after the given time, and
// returns how long that is away.
func (l *line) join(who uuid.UUID, now time.Time, every, after time.Duration) time.Duration {
	if now.Sub(l.pruned) > forgetAfter {
		for other, turn := range l.turns {
			if now.Sub(turn) > forgetAfter {
				delete(l.turns, other)
			}
		}
		l.pruned = now
	}
	turn := l.end.Add(every)
	if soonest := now.Add(after); turn.Before(soonest) {
		turn = soonest
	}
	l.turns[who], l.end = turn, turn
	return turn.Sub(now)
}

// leave takes who out of the line.
func (l *line) leave(who uuid.UUID) { delete(l.turns, who) }
