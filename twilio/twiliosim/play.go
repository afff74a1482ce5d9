package twiliosim

import (
	"bytes"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// hangLimit is how long a caller who never gives up is kept waiting.
const hangLimit = 12 * time.Second

// badGatewayPage is the kind of page that a proxy puts in front of a dead backend.
const badGatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"

// passage is one call that a fault is played on.
type passage struct {
	w        http.ResponseWriter
	visit    *visit
	s        *Server
	r        *http.Request
	route    string
	carryOut func(w http.ResponseWriter)
}

// down plays the switches that no call gets past, and tells whether one did.
func (p *passage) down() bool {
	p.s.mu.Lock()
	down, revoked := p.s.switches.down, p.s.switches.revoked
	var name string
	switch {
	case down != Up:
		name = "down"
	case revoked:
		name = "credentials revoked"
	default:
		p.s.mu.Unlock()
		return false
	}
	p.s.count(name)
	p.visit.fault = name
	p.s.mu.Unlock()
	switch {
	case down == DownDisconnected:
		p.reset()
	case down != Up:
		p.w.WriteHeader(http.StatusServiceUnavailable)
	default:
		writeError(p.w, unauthenticated())
	}
	return true
}

// fault decides what is to be played on the call; nil: nothing.
func (p *passage) fault(form url.Values) *strike {
	sc := p.s.script.Load()
	if sc == nil && !p.s.opts.Ledger {
		return nil
	}
	p.s.mu.Lock()
	p.visit.about = p.s.subjectOf(p.r, form)
	p.s.mu.Unlock()
	if sc == nil {
		return nil
	}
	f := sc.call(p.route, p.visit.about)
	if f != nil {
		p.visit.fault = f.String()
		p.s.mu.Lock()
		p.s.count(f.String())
		p.s.broadcast()
		p.s.mu.Unlock()
	}
	return f
}

// play does to a call what was decided. Faults that end a connection do not return.
func (p *passage) play(f *strike) {
	switch f.Kind {
	case Hang:
		p.s.waitOut(p.r, f.hang())
		p.reset()
	case SlowAnswer:
		answer := p.behind()
		p.s.waitOut(p.r, f.hang())
		answer.copyTo(p.w)
	case LateCommit:
		p.late(f)
	case LostAnswer:
		p.behind()
		p.reset()
	case CutAnswer:
		p.behind().cut(p.w)
	case LateError, LateGateway, LateNull, LateEmpty:
		p.behind()
		f.answer(p.w)
	case TextBefore:
		p.s.textAndWait(p.visit.about, f.Body)
		p.carryOut(p.w)
	case TextAfter:
		answer := p.behind()
		p.s.textAndWait(p.visit.about, f.Body)
		answer.copyTo(p.w)
	case Reset:
		p.reset()
	default:
		f.answer(p.w)
	}
}

// answer gives the answer of a fault that answers by itself.
func (f *strike) answer(w http.ResponseWriter) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", retryAfter(f.RetryAfter))
	}
	write := func(status int, contentType, body string) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the caller may have gone away
	}
	const jsonType = "application/json; charset=utf-8"
	switch f.Kind {
	case Busy:
		writeError(w, &apiError{http.StatusTooManyRequests, 20429, "Too Many Requests"})
	case BusyBare:
		w.WriteHeader(http.StatusTooManyRequests)
	case BusyService:
		writeError(w, &apiError{http.StatusTooManyRequests, 50063, "Service APS limit exceeded"})
	case BusyGlobal:
		writeError(w, &apiError{http.StatusTooManyRequests, 50074, "Global APS limit exceeded"})
	case ServerError, LateError:
		writeError(w, &apiError{http.StatusInternalServerError, 20500, "Internal Server Error"})
	case BadGateway, LateGateway:
		write(http.StatusBadGateway, "text/html", badGatewayPage)
	case Unavailable:
		w.WriteHeader(http.StatusServiceUnavailable)
	case LargeError:
		writeError(w, &apiError{http.StatusInternalServerError, 20500, strings.Repeat("x", f.size())})
	case NullAnswer, LateNull:
		write(http.StatusOK, jsonType, "null")
	case EmptyAnswer, LateEmpty:
		write(http.StatusOK, jsonType, "{}")
	case ConversationConflict:
		writeError(w, conflict(50391, "Conflicting conversation modification"))
	case MemberConflict:
		writeError(w, conflict(50419, "Conflicting member modification"))
	case PairOfDeleted:
		gone := (&sidSource{f.rng}).next("CH")
		writeError(w, conflict(50416, "A binding for this participant and proxy address already exists in Conversation %s", gone))
	case PairUnnamed:
		writeError(w, conflict(50416, "Participant and proxy address pair is already in use"))
	case Refusal:
		writeError(w, refusal(f.Code))
	}
}

func (f Fault) size() int {
	if f.Size == 0 {
		return 1 << 20
	}
	return f.Size
}

func (f Fault) hang() time.Duration {
	if f.Hang == 0 {
		return hangLimit
	}
	return f.Hang
}

// behind carries the call out and keeps its answer from the caller.
func (p *passage) behind() *kept {
	k := &kept{header: http.Header{}, status: http.StatusOK}
	p.carryOut(k)
	return k
}

// late keeps the caller waiting. One who gives up is gone when the call is
// carried out; one who stays is answered.
func (p *passage) late(f *strike) {
	if p.s.waitOut(p.r, f.hang()) {
		p.carryOut(p.w)
		return
	}
	commit := func() {
		p.s.finish(p.visit) // for the caller it has ended
		p.behind()
	}
	if f.Delay == 0 {
		commit()
		return
	}
	p.s.later(f.Delay, commit)
	p.s.finish(p.visit)
}

// reset ends the connection so that the caller sees it torn down.
func (p *passage) reset() {
	p.s.finish(p.visit) // before the caller can know
	conn, _, err := http.NewResponseController(p.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no connection of our own: all that is left
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST; without it the end is only less abrupt
	}
	_ = conn.Close() // whether it was still open is of no interest
}

// kept is an answer that has not been given.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }

func (k *kept) copyTo(w http.ResponseWriter) {
	for name, values := range k.header {
		w.Header()[name] = values
	}
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body.Bytes()) // the caller may have gone away
}

// cut promises the whole answer, gives half, and ends the connection.
func (k *kept) cut(w http.ResponseWriter) {
	half := kept{header: k.header, status: k.status}
	half.body.Write(k.body.Bytes()[:k.body.Len()/2])
	half.copyTo(w)
	_ = http.NewResponseController(w).Flush() // a recorder cannot
	panic(http.ErrAbortHandler)
}

// waitOut waits for d by the Server's clock and tells whether the caller has
// waited too.
func (s *Server) waitOut(r *http.Request, d time.Duration) bool {
	over := make(chan struct{})
	stop := s.afterFunc(d, func() { close(over) })
	defer stop()
	select {
	case <-over:
		return true
	case <-r.Context().Done():
		return false
	case <-s.closing:
		return false
	}
}

// textAndWait lets the phone write to the sender and waits for the webhooks
// that raises. A number that cannot write stays silent.
func (s *Server) textAndWait(about subject, body string) {
	if body == "" {
		body = "Hello"
	}
	c, _, err := s.Handset(about.phone).text(about.sender, body)
	if err != nil {
		s.opts.Logger.Warn("a fault's handset cannot write", "err", err)
		return
	}
	s.await(c.hooks)
}

// count is one more fault of that name. The lock is held.
func (s *Server) count(name string) { s.faultCounts[name]++ }
