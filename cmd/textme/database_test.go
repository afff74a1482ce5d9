package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// A wire leads from the service to its database and can be bad.
type wire struct {
	t        *testing.T
	listener net.Listener
	target   func() (net.Conn, error)

	mu      sync.Mutex
	changed *sync.Cond
	delay   time.Duration // of every answer of the database
	hole    bool          // answers stay in it
	down    bool          // nobody gets through
	conns   map[net.Conn]bool
}

// newWire puts a wire before the database of env.
func newWire(t *testing.T, env map[string]string) *wire {
	t.Helper()
	config, err := pgx.ParseConfig(env["DATABASE_URL"])
	must(t, err)
	network, address := pgNetworkAddress(config)
	w := &wire{t: t, conns: map[net.Conn]bool{}, target: func() (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(t.Context(), network, address)
	}}
	w.changed = sync.NewCond(&w.mu)
	var lc net.ListenConfig
	w.listener, err = lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	var stopped sync.WaitGroup
	stopped.Go(func() { w.accept(&stopped) })
	t.Cleanup(func() {
		must(t, w.listener.Close())
		w.set(func() { w.down, w.hole = true, false })
		stopped.Wait()
	})
	env["DATABASE_URL"] = dsnAt(t, env["DATABASE_URL"], w.listener.Addr())
	return w
}

// dsnAt is the URL of the same database behind a TCP address that leads to it.
func dsnAt(t *testing.T, dsn string, at net.Addr) string {
	t.Helper()
	u, err := url.Parse(dsn)
	must(t, err)
	query := u.Query()
	query.Del("host")
	query.Del("port")
	query.Set("sslmode", "disable")
	u.Host, u.RawQuery = at.String(), query.Encode()
	return u.String()
}

// pgNetworkAddress is where pgx would connect to.
func pgNetworkAddress(c *pgx.ConnConfig) (network, address string) {
	if c.Host != "" && c.Host[0] == '/' {
		return "unix", fmt.Sprintf("%s/.s.PGSQL.%d", c.Host, c.Port)
	}
	return "tcp", net.JoinHostPort(c.Host, fmt.Sprint(c.Port))
}

func (w *wire) accept(stopped *sync.WaitGroup) {
	for {
		client, err := w.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		server, derr := w.target()
		if err != nil || derr != nil || !w.connect(client, server) {
			_ = errors.Join(client.Close(), derr)
			continue
		}
		stopped.Go(func() { w.carry(client, server, false) })
		stopped.Go(func() { w.carry(server, client, true) })
	}
}

func (w *wire) connect(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range conns {
		if w.down && c != nil {
			_ = c.Close()
		} else {
			w.conns[c] = true
		}
	}
	return !w.down
}

// carry copies what from says to to until either is closed.
func (w *wire) carry(from, to net.Conn, answers bool) {
	defer func() { _ = errors.Join(from.Close(), to.Close()) }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if answers && !w.pass() {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// pass keeps an answer as long as the wire is bad.
func (w *wire) pass() bool {
	w.mu.Lock()
	delay := w.delay
	w.mu.Unlock()
	<-time.After(delay)
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.hole && !w.down {
		w.changed.Wait()
	}
	return !w.down
}

// set makes the wire better or worse.
func (w *wire) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	w.changed.Broadcast()
	if !w.down {
		return
	}
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}

// Row W3: whatever becomes of the database, Twilio is answered in time, and
// with success only for what was committed. What was not, polling brings.
func TestWebhooksWithABadDatabase(t *testing.T) {
	t.Parallel()
	var tapped *wiretap
	var database *wire
	s := newStoryAt(t, func(o *twiliosim.Options) { tapped = tap(t, o); minutesAgo(o) },
		func(env map[string]string) {
			database = newWire(t, env)
			env["RECONCILE_RATE"], env["RESCUE_AFTER"] = "off", "6s"
		})
	const people, within = 4, 5 * time.Second // beyond it Twilio has left; handlers gives up in half of it
	phases := []struct {
		name   string
		change func()
		status int // of most answers
	}{
		{"well", func() {}, http.StatusNoContent},
		{"slow", func() { database.delay = 30 * time.Millisecond }, http.StatusNoContent},
		{"two seconds slow", func() { database.delay = 2 * time.Second }, http.StatusServiceUnavailable},
		{"swallowing answers", func() { database.delay, database.hole = 0, true }, http.StatusServiceUnavailable},
		{"down", func() { database.down, database.hole = true, false }, http.StatusServiceUnavailable},
	}
	const committed = `SELECT EXISTS (SELECT FROM events WHERE conversation_sid = $1 AND type = $2 AND message_sid = $3)`
	for _, phase := range phases {
		database.set(phase.change)
		seen := len(tapped.seen())
		for i := range people {
			s.says(chat.Phone(fmt.Sprintf("+1415555%04d", 300+i)), "canary "+phase.name)
		}
		must(t, s.sim.Settle(t.Context()))
		statuses := map[int]int{}
		var longest time.Duration
		for _, w := range tapped.seen()[seen:] {
			statuses[w.status]++
			longest = max(longest, w.took)
			form, err := url.ParseQuery(string(w.body))
			must(t, err)
			if w.status < 300 && !one[bool](s, committed, form.Get("ConversationSid"), form.Get("EventType"), form.Get("MessageSid")) {
				t.Errorf("database %s: a webhook is answered %d and not there", phase.name, w.status)
			}
		}
		if statuses[phase.status] < people || longest >= within {
			t.Errorf("database %s: answers by status %v, want at least %d of %d; the last after %v, want within %v", phase.name, statuses, people, phase.status, longest, within)
		}
		t.Logf("database %s: answers by status %v, the last after %v", phase.name, statuses, longest.Round(time.Millisecond))
	}
	database.set(func() { database.down = false })
	s.settled() // whoever was cut off comes to an end: from then on it is polled
	passes(t, s.db, 15*time.Minute)
	s.reconciled()
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
}
