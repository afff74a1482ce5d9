package twiliosim

import (
	"slices"
	"time"
)

// Traffic is how the API has been used since New.
type Traffic struct {
	Calls         int // all that Calls counts
	MaxConcurrent int // most calls under way at one time
	PeakPerSecond int // most calls that began in one second of the clock
	Throttled     int // calls answered 429 by a fault or by Limits
	Services      map[string]Budget
	// Early are the calls that began while the Retry-After of an earlier answer
	// was still running.
	Early []EarlyCall
}

// Budget is how one service's budget of conversation creates and deletes was
// used; calls that were refused by Limits do not count.
type Budget struct {
	Actions       int
	PeakPerSecond int
	First, Last   time.Time
}

// EarlyCall is one call inside a Retry-After window. Since is how long the
// window had been running, the longest if there were several: a call that was
// already on the wire has a few milliseconds there, and a checker may forgive
// it. SinceOwn is the same for windows that this very route was told of, 0 if
// there were none.
type EarlyCall struct {
	Route           string
	Since, SinceOwn time.Duration
}

// Traffic returns the figures so far.
func (s *Server) Traffic() Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.traffic.Traffic
	out.Services = make(map[string]Budget, len(s.traffic.budgets))
	for sid, b := range s.traffic.budgets {
		out.Services[sid] = b.Budget
	}
	out.Early = slices.Clone(out.Early)
	return out
}

// traffic takes the figures. The Server's lock guards it.
type traffic struct {
	Traffic
	underWay int
	second   meter
	budgets  map[string]*budget
	waits    []wait
}

type budget struct {
	Budget
	second meter
}

// wait is a Retry-After that was given.
type wait struct {
	route       string
	from, until time.Time
}

// meter counts within one second of the clock.
type meter struct {
	second int64
	n      int
}

func (m *meter) add(at time.Time) int {
	if sec := at.Unix(); sec != m.second {
		m.second, m.n = sec, 0
	}
	m.n++
	return m.n
}

func (t *traffic) begin(route string, at time.Time) {
	t.Calls++
	t.underWay++
	t.MaxConcurrent = max(t.MaxConcurrent, t.underWay)
	t.PeakPerSecond = max(t.PeakPerSecond, t.second.add(at))
	t.waits = slices.DeleteFunc(t.waits, func(w wait) bool { return !at.Before(w.until) })
	if len(t.waits) == 0 {
		return
	}
	early := EarlyCall{Route: route}
	for _, w := range t.waits {
		since := at.Sub(w.from)
		early.Since = max(early.Since, since)
		if w.route == route {
			early.SinceOwn = max(early.SinceOwn, since)
		}
	}
	t.Early = append(t.Early, early)
}

func (t *traffic) wait(route string, from time.Time, d time.Duration) {
	t.waits = append(t.waits, wait{route, from, from.Add(d)})
}

func (t *traffic) action(service string, at time.Time) {
	b := t.budgets[service]
	if b == nil {
		b = &budget{Budget: Budget{First: at}}
		t.budgets[service] = b
	}
	b.Actions++
	b.Last = at
	b.PeakPerSecond = max(b.PeakPerSecond, b.second.add(at))
}
