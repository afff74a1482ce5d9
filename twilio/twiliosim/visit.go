package twiliosim

import (
	"net/http"
	"strconv"
	"time"
)

// visit is one call on its way through the simulator. It stands in front of the
// caller's ResponseWriter and sees how the call ends.
type visit struct {
	http.ResponseWriter
	s       *Server
	route   string
	about   subject
	started time.Time
	status  int
	code    int
	fault   string

	finished bool
}

// Unwrap lets http.ResponseController through.
func (v *visit) Unwrap() http.ResponseWriter { return v.ResponseWriter }

// visitOf finds the visit behind a ResponseWriter that may have been wrapped. A
// writer that hides it, or was never one, has a visit that nobody looks at.
func visitOf(w http.ResponseWriter) *visit {
	for {
		switch wrapped := w.(type) {
		case *visit:
			return wrapped
		case interface{ Unwrap() http.ResponseWriter }:
			w = wrapped.Unwrap()
		default:
			return &visit{finished: true}
		}
	}
}

func (v *visit) WriteHeader(status int) {
	if v.status == 0 {
		v.status = status
		// Before the caller can know: whoever has an answer finds it in the ledger.
		v.s.finish(v)
	}
	v.ResponseWriter.WriteHeader(status)
}

func (v *visit) Write(b []byte) (int, error) {
	if v.status == 0 {
		v.WriteHeader(http.StatusOK)
	}
	return v.ResponseWriter.Write(b)
}

// arrive counts a call that comes in.
func (s *Server) arrive(v *visit, pattern string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.started = s.opts.Now().UTC()
	s.calls[pattern]++
	s.traffic.begin(v.route, v.started)
}

// finish counts a call that ends, by its answer or without one. Only the first
// time does anything.
func (s *Server) finish(v *visit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.finished {
		return
	}
	v.finished = true
	now := s.opts.Now().UTC()
	s.traffic.underWay--
	if v.status == http.StatusTooManyRequests {
		s.traffic.Throttled++
	}
	if seconds, err := strconv.Atoi(v.Header().Get("Retry-After")); err == nil && seconds > 0 {
		s.traffic.wait(v.route, now, time.Duration(seconds)*time.Second)
	}
	s.note(now, APICall{
		Route: v.route, Phone: v.about.phone, Sender: v.about.sender, Conversation: v.about.name,
		Status: v.status, Code: v.code, Fault: v.fault, Started: v.started,
	})
	s.broadcast()
}
