//go:build storm

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"textme/store/pgembed"
	"textme/twilio/twiliosim"
)

// Row C3: both replicas are killed with a hundred jobs in flight; with the
// production timings nobody waits longer than 90 s.
func TestStormKillToDone(t *testing.T) {
	s := newStorm(t, func(_ *twiliosim.Options, env map[string]string) { env["RESCUE_AFTER"] = "30s" })
	const n = 100
	must(t, s.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.Hang, Hang: 2 * time.Second}}}}}))
	s.signUps(n, n, time.Second) // every worker hangs in a call
	for i := range s.replicas {
		s.kill(i)
	}
	must(t, s.sim.SetFaults(twiliosim.Faults{}))
	took := s.settled(90 * time.Second)
	s.checkPromise()
	t.Logf("from kill to done: all %d within %v", n, took.Round(time.Millisecond))
}

// Row D1: Postgres is restarted, and killed, while 64 clients sign people up.
// Nothing is acknowledged and lost, and no replica has to be restarted.
func TestStormDatabaseRestarts(t *testing.T) {
	pg := newPostgres(t)
	s := newStorm(t, func(_ *twiliosim.Options, env map[string]string) { env["DATABASE_URL"] = pg.server.DSN })
	restarts, n := size("STORM_RESTARTS", 3), size("STORM_SIGNUPS", 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.signUps(n, n, pg.lasts(restarts))
	}()
	pg.restarts(restarts)
	<-done
	took := s.settled(settleTime)
	s.checkPromise()
	s.checkWindows("sign-ups", s.answers, pg.started)
	t.Logf("%d restarts and as many kills of Postgres, %d sign-ups, settled after %v", restarts, n, took.Round(time.Millisecond))
}

// Row D5: two replicas start on an empty database, twenty times.
func TestStormStarts(t *testing.T) { startAtOnce(t, size("STORM_STARTS", 20)) }

func pause(d time.Duration) { <-time.After(d) }

// errorWindow is how long it may take, once the database is back, until something is
// committed again.
const errorWindow = 5 * time.Second

// checkWindows sees that whenever the database was back, one of the requests that came
// then succeeded soon.
func (s *storm) checkWindows(what string, answers []answer, back []time.Time) {
	s.t.Helper()
	var longest time.Duration
	for _, at := range back {
		var first, well time.Time // begun, and ended with success
		for _, a := range answers {
			if a.begun.Before(at) {
				continue
			}
			if first.IsZero() || a.begun.Before(first) {
				first = a.begun
			}
			if end := a.begun.Add(a.took); a.status/100 == 2 && (well.IsZero() || end.Before(well)) {
				well = end
			}
		}
		switch window := well.Sub(first); {
		case first.IsZero(): // nobody came any more
		case well.IsZero():
			s.fail("%s: none succeeded once the database was back", what)
		default:
			longest = max(longest, window)
		}
	}
	if longest > errorWindow {
		s.fail("%s: the first to succeed once the database was back did so after %v", what, longest)
	}
	s.t.Logf("%s: the first to succeed once the database was back did so after at most %v", what, longest.Round(time.Millisecond))
}

// postgres is a server of the test's own, durable as in production.
type postgres struct {
	t       *testing.T
	options pgembed.Options
	server  *pgembed.Server
	started []time.Time
}

func newPostgres(t *testing.T) *postgres {
	t.Helper()
	return newPostgresWith(t, pgembed.Options{Dir: filepath.Join(t.TempDir(), "pg")})
}

func newPostgresWith(t *testing.T, options pgembed.Options) *postgres {
	t.Helper()
	p := &postgres{t: t, options: options}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *postgres) start() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	p.server, err = pgembed.Start(ctx, p.options)
	must(p.t, err)
	p.started = append(p.started, time.Now())
}

func (p *postgres) stop() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(p.t, p.server.Stop(ctx))
}

// betweenRestarts is how long Postgres serves before it is stopped or killed.
const betweenRestarts = 2 * time.Second

// restarts stops the server in an orderly way and kills it, n times each, and
// starts it again every time.
func (p *postgres) restarts(n int) {
	p.t.Helper()
	for range n {
		pause(betweenRestarts)
		p.stop()
		p.start()
		pause(betweenRestarts)
		p.kill()
		p.revive()
	}
}

// revive starts the server again that has died.
func (p *postgres) revive() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	_ = p.server.Stop(ctx) // what it died of is known
	cancel()
	p.start()
}

// lasts is how long n restarts take at least, and a little more.
func (*postgres) lasts(n int) time.Duration { return time.Duration(2*n+1) * betweenRestarts }

// pid is the server's, 0 when there is none.
func (p *postgres) pid() int {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.options.Dir, "data", "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	must(p.t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	must(p.t, err)
	return pid
}

// kill ends the server as a crash does.
func (p *postgres) kill() {
	p.t.Helper()
	pid := p.pid()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Fatal(err)
	}
}
