//go:build storm

package main

import (
	"context"
	"errors"
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
	t.Logf("%d restarts and as many kills of Postgres, %d sign-ups, settled after %v", restarts, n, took.Round(time.Millisecond))
}

// Row D5: two replicas start on an empty database, twenty times.
func TestStormStarts(t *testing.T) { startAtOnce(t, size("STORM_STARTS", 20)) }

func pause(d time.Duration) { <-time.After(d) }

// postgres is a server of the test's own, durable as in production.
type postgres struct {
	t      *testing.T
	dir    string
	server *pgembed.Server
}

func newPostgres(t *testing.T) *postgres {
	t.Helper()
	p := &postgres{t: t, dir: filepath.Join(t.TempDir(), "pg")}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *postgres) start() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	p.server, err = pgembed.Start(ctx, pgembed.Options{Dir: p.dir})
	must(p.t, err)
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
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_ = p.server.Stop(ctx) // it died of our kill
		cancel()
		p.start()
	}
}

// lasts is how long n restarts take at least, and a little more.
func (*postgres) lasts(n int) time.Duration { return time.Duration(2*n+1) * betweenRestarts }

// kill ends the server as a crash does.
func (p *postgres) kill() {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "data", "postmaster.pid"))
	must(p.t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	must(p.t, err)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Fatal(err)
	}
}
