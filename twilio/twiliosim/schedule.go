package twiliosim

import "time"

// afterFunc runs f after d by the Server's clock, unless stopped or closed.
func (s *Server) afterFunc(d time.Duration, f func()) (stop func() bool) {
	unlessClosed := func() {
		if !s.closed() {
			f()
		}
	}
	if s.opts.Clock != nil {
		return s.opts.Clock.AfterFunc(d, unlessClosed)
	}
	return time.AfterFunc(d, unlessClosed).Stop
}

// setAlarm makes the Clock, if there is one, run out the next conversation timer
// when it is due. The lock is held.
func (s *Server) setAlarm(now time.Time) {
	next := s.w.nextExpiry
	if s.opts.Clock == nil || next.IsZero() || !s.alarmAt.IsZero() && !next.Before(s.alarmAt) {
		return
	}
	s.alarmAt = next
	s.afterFunc(next.Sub(now), func() {
		s.mu.Lock()
		s.alarmAt = time.Time{}
		s.mu.Unlock()
		s.runTimers()
	})
}

// runTimers runs out the timers that are due.
func (s *Server) runTimers() {
	c := s.begin(fromTwilio)
	c.commit()
	c.release()
}

// later runs f after d. Until then it is counted as scheduled.
func (s *Server) later(d time.Duration, f func()) {
	s.mu.Lock()
	s.scheduled++
	s.mu.Unlock()
	s.afterFunc(d, func() {
		f()
		s.mu.Lock()
		s.scheduled--
		s.broadcast()
		s.mu.Unlock()
	})
}
