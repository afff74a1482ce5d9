package twiliosim

import (
	"fmt"
	"net/http"
	"time"
)

// heartbeat keeps an idle event stream from being taken for dead.
const heartbeat = 20 * time.Second

// serveEvents streams the number of every handset that changes, as server-sent
// events (https://html.spec.whatwg.org/multipage/server-sent-events.html). The
// script then fetches that handset again.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	// The stream outlives any write timeout of the http.Server. A writer that
	// has no deadlines needs none lifted.
	_ = rc.SetWriteDeadline(time.Time{})
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	known, changed := s.handsetVersions()
	line := ": open\n\n"
	for {
		if _, err := fmt.Fprint(w, line); err != nil {
			return
		}
		if err := rc.Flush(); err != nil {
			return
		}
		line = ""
		select {
		case <-r.Context().Done():
			return
		case <-s.closing:
			return
		case <-beat.C:
			line = ": still here\n\n"
		case <-changed:
			var now map[string]string
			now, changed = s.handsetVersions()
			for phone, version := range now {
				if known[phone] != version {
					line += "event: handset\ndata: " + phone + "\n\n" //nolint:perfsprint // a handful of short lines
				}
			}
			known = now
		}
	}
}

// handsetVersions tells handsets apart from what they were, and gives the
// channel that closes at the next change.
func (s *Server) handsetVersions() (map[string]string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]string, len(s.w.handsets))
	for phone, h := range s.w.handsets {
		out[phone] = fmt.Sprint(len(h.texts), h.Habit, h.Next)
	}
	for key := range s.w.optOuts {
		out[key[1]] += " " + key[0]
	}
	return out, s.changed
}
