//go:build storm

package main

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"textme/store/storetest"
)

// A pgProxy stands between the service and its database and understands what
// they say to each other. At every commit it asks what to do with it. A commit
// is known by the labels of its transaction's first statement, locks left out, and
// of its last, such as store.Activate, which are in comments of the SQL.
type pgProxy struct {
	t        *testing.T
	listener net.Listener
	dial     func() (net.Conn, error)
	decide   func(label string) commitFate // must be safe for concurrent use

	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool
}

// commitFate is what becomes of one commit.
type commitFate struct {
	do   commitAct
	then func() // is called when it has come about; nil: nothing
}

type commitAct int

const (
	commits    commitAct = iota // and the service is told
	commitCut                   // the connection breaks before
	commitLost                  // it is made, and the connection breaks before the answer
	commitRace                  // it is rolled back and answered with SQLSTATE 40001
	commitFull                  // it is rolled back and answered with SQLSTATE 53100
)

// saidInstead is what the service is told of a commit that is rolled back.
var saidInstead = map[commitAct]*pgproto3.ErrorResponse{
	commitRace: {Severity: "ERROR", Code: "40001", Message: "could not serialize access: a proxy says so"},
	commitFull: {Severity: "ERROR", Code: "53100", Message: "could not extend file: No space left on device: a proxy says so"},
}

// newPGProxy puts a proxy before a database of its own, which env then names.
func newPGProxy(t *testing.T, env map[string]string, decide func(string) commitFate) *pgProxy {
	t.Helper()
	dsn := storetest.DSN(t)
	config, err := pgx.ParseConfig(dsn)
	must(t, err)
	network, address := pgNetworkAddress(config)
	p := &pgProxy{t: t, decide: decide, conns: map[net.Conn]bool{}, dial: func() (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(context.Background(), network, address)
	}}
	var lc net.ListenConfig
	p.listener, err = lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	var stopped sync.WaitGroup
	stopped.Go(func() { p.accept(&stopped) })
	t.Cleanup(func() {
		must(t, p.listener.Close())
		p.cutAll()
		stopped.Wait()
	})
	env["DATABASE_URL"] = dsnAt(t, dsn, p.listener.Addr())
	return p
}

func (p *pgProxy) accept(stopped *sync.WaitGroup) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				p.t.Error(err)
			}
			return
		}
		server, err := p.dial()
		if err != nil || !p.keep(client, server) {
			_ = client.Close() // the service tries again
			continue
		}
		s := &pgSession{
			p: p, client: client, server: server,
			backend: pgproto3.NewBackend(client, client), frontend: pgproto3.NewFrontend(server, server),
			labels: map[string]string{},
		}
		stopped.Go(s.run)
	}
}

func (p *pgProxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.ended {
			_ = c.Close()
		}
		p.conns[c] = true
	}
	return !p.ended
}

func (p *pgProxy) cutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for c := range p.conns {
		_ = c.Close()
	}
}

// pgSession is one connection.
type pgSession struct {
	p              *pgProxy
	client, server net.Conn
	backend        *pgproto3.Backend  // towards the service
	frontend       *pgproto3.Frontend // towards the database
	labels         map[string]string  // of prepared statements, by name

	mu          sync.Mutex
	first, last string // labels of the transaction's statements
	fate        commitFate
}

func (s *pgSession) cut() {
	_ = errors.Join(s.client.Close(), s.server.Close()) // whoever is first
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	delete(s.p.conns, s.client)
	delete(s.p.conns, s.server)
}

func (s *pgSession) run() {
	defer s.cut()
	start, err := s.backend.ReceiveStartupMessage()
	if err != nil {
		return
	}
	s.frontend.Send(start)
	if s.frontend.Flush() != nil {
		return
	}
	if _, cancels := start.(*pgproto3.CancelRequest); cancels {
		return
	}
	var answers sync.WaitGroup
	answers.Go(s.answers)
	defer answers.Wait()
	defer s.cut()
	for {
		message, err := s.backend.Receive()
		if err != nil {
			return
		}
		switch m := message.(type) {
		case *pgproto3.Parse:
			s.labels[m.Name] = labelOf(m.Query)
		case *pgproto3.Bind:
			s.ran(s.labels[m.PreparedStatement])
		case *pgproto3.Query:
			if m.String == "commit" {
				if s.commit(m); m.String == "" {
					return
				}
			} else {
				s.ran(labelOf(m.String))
			}
		}
		s.frontend.Send(message)
		switch message.(type) {
		case *pgproto3.Parse, *pgproto3.Bind, *pgproto3.Describe, *pgproto3.Execute, *pgproto3.Close:
		default:
			if s.frontend.Flush() != nil {
				return
			}
		}
	}
}

var labelPattern = regexp.MustCompile(`/\* ((?:store|jobs)\.\w+) \*/`)

// labelOf is the label in a statement; only River's have none.
func labelOf(sql string) string {
	if found := labelPattern.FindStringSubmatch(sql); found != nil {
		return found[1]
	}
	if strings.HasPrefix(sql, "begin") {
		return "begin"
	}
	return unlabelled
}

const unlabelled = "river"

func (s *pgSession) ran(label string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case label == "begin":
		s.first, s.last = "", ""
	case s.first == "" && !locks.MatchString(label):
		s.first, s.last = label, label
	case label != unlabelled: // such as a savepoint
		s.last = label
	}
}

// locks are statements that many transactions begin with.
var locks = regexp.MustCompile(`^store\.(lock\w+|fence)$`)

// name is what the transaction's commit is known by.
func (s *pgSession) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == "" || s.first == s.last {
		return s.last
	}
	return s.first + " to " + s.last
}

// commit settles what becomes of a commit, and empties the statement if it is
// not to be made.
func (s *pgSession) commit(m *pgproto3.Query) {
	fate := s.p.decide(s.name())
	switch fate.do {
	case commitCut:
		m.String = ""
		s.cut()
		fate.come()
		return
	case commitRace, commitFull:
		m.String = "rollback"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fate = fate
}

func (f commitFate) come() {
	if f.then != nil {
		f.then()
	}
}

// answers carries what the database says.
func (s *pgSession) answers() {
	defer s.cut()
	for {
		message, err := s.frontend.Receive()
		if err != nil {
			return
		}
		var fate commitFate
		if done, ok := message.(*pgproto3.CommandComplete); ok {
			fate = s.committed(string(done.CommandTag))
		}
		switch fate.do {
		case commitLost:
			s.cut()
			fate.come()
			return
		case commitRace, commitFull:
			message = saidInstead[fate.do]
		}
		var told commitFate
		if _, ready := message.(*pgproto3.ReadyForQuery); ready {
			told = s.told() // before the service is, which may commit at once
		}
		s.backend.Send(message)
		switch message.(type) {
		case *pgproto3.DataRow, *pgproto3.RowDescription, *pgproto3.ParseComplete, *pgproto3.BindComplete, *pgproto3.NoData,
			*pgproto3.ParameterDescription, *pgproto3.ParameterStatus, *pgproto3.CommandComplete:
		default:
			if s.backend.Flush() != nil {
				return
			}
		}
		told.come()
	}
}

// committed is the fate of the commit that the database has just ended.
func (s *pgSession) committed(tag string) commitFate {
	if tag != "COMMIT" && tag != "ROLLBACK" {
		return commitFate{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fate
}

// told ends a commit of which the service is being told.
func (s *pgSession) told() (fate commitFate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fate, s.fate = s.fate, commitFate{}
	return fate
}
