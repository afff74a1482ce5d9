//go:build storm

package main

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"textme/store/pgembed"
	"textme/twilio/twiliosim"
)

// Row C3: both replicas are killed with a hundred jobs in flight; with the
// production timings nobody waits longer than 90 s. The queue's rescue and our sweep each
// see to that alone; without both, those whose jobs ran wait for an hour.
func TestStormKillToDone(t *testing.T) {
	s := newStorm(t, func(_ *twiliosim.Options, env map[string]string) { env["RESCUE_AFTER"] = "30s" })
	const n = 100
	must(t, s.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.Hang, Hang: 10 * time.Second}}}}}))
	s.signUps(n, n, time.Second) // every worker hangs in a call
	var running int
	must(t, s.db.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE state = 'running'`).Scan(&running))
	if running < n/4 {
		t.Errorf("%d jobs are running: the test proves too little", running)
	}
	for i := range s.replicas {
		s.kill(i)
	}
	must(t, s.sim.SetFaults(twiliosim.Faults{}))
	took := s.settled(90 * time.Second)
	s.checkPromise()
	t.Logf("from kill to done, %d jobs running: all %d within %v", running, n, took.Round(time.Millisecond))
}

// Row D1: Postgres is restarted, and killed, while 64 clients sign people up.
// Nothing is acknowledged and lost, and no replica has to be restarted.
func TestStormDatabaseRestarts(t *testing.T) {
	pg := newPostgres(t)
	s := newStorm(t, func(_ *twiliosim.Options, env map[string]string) { env["DATABASE_URL"] = pg.server.DSN })
	restarts, n := size("STORM_RESTARTS", 3), size("STORM_SIGNUPS", 1000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answers := func() []answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.Clone(s.answers)
	}
	s.throughRestarts(pg, restarts, answers, func(enough <-chan struct{}) {
		go func() {
			<-enough
			time.AfterFunc(settleTime, cancel)
		}()
		s.signUpsUntil(ctx, enough, n, n, pg.lasts(restarts))
	})
	took := s.settled(settleTime)
	s.checkPromise()
	s.checkAnswers("sign-ups", answers(), pg.spells)
	t.Logf("%d restarts and as many kills of Postgres, %d sign-ups, settled after %v", restarts, len(s.accepted), took.Round(time.Millisecond))
}

// throughRestarts restarts Postgres so often and kills it as often while people come,
// each time when both replicas have served somebody, and then lets them go on for longer
// than the database may be felt to have been away.
func (s *storm) throughRestarts(pg *postgres, n int, answers func() []answer, come func(enough <-chan struct{})) {
	s.t.Helper()
	enough, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		come(enough)
	}()
	pg.restarts(n, func() bool { return s.served(answers, pg.spells[len(pg.spells)-1].back) })
	pause(errorWindow + betweenRestarts)
	close(enough)
	<-done
}

// served waits until each replica has served somebody who came since then, and reports
// whether they have; one that has not is checkAnswers' concern.
func (s *storm) served(answers func() []answer, since time.Time) bool {
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(20 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		by := map[string]bool{}
		for _, a := range answers() {
			if a.status/100 == 2 && a.begun.After(since) {
				by[a.by] = true
			}
		}
		if len(by) == len(s.replicas) {
			tick.Stop()
			return true
		}
	}
	return false
}

// Row D5: two replicas start on an empty database, twenty times.
func TestStormStarts(t *testing.T) { startAtOnce(t, size("STORM_STARTS", 20)) }

func pause(d time.Duration) { <-time.After(d) }

// errorWindow is how long it may take, once the database is back, until a replica commits
// something again, and until nobody is refused any more.
const errorWindow = 5 * time.Second

// spell is a time in which the database serves: it is back, and then it goes again,
// unless that is zero.
type spell struct{ back, gone time.Time }

// checkAnswers sees that whoever was not served was told to come again, that whenever
// the database was back, one of the requests that came to each replica then succeeded
// soon, and that none which came later was refused, until the database went again.
func (s *storm) checkAnswers(what string, answers []answer, spells []spell) {
	s.t.Helper()
	statuses := map[int]int{}
	for _, a := range answers {
		statuses[a.status]++
	}
	for status, n := range statuses {
		if status/100 != 2 && status != http.StatusServiceUnavailable {
			s.fail("%s: %d were answered %d", what, n, status)
		}
	}
	var longest time.Duration
	later := 0
	for _, sp := range spells {
		for i := range s.replicas {
			by := s.replicas[i].Load().url.Host
			var first, well time.Time // begun, and ended with success
			for _, a := range answers {
				if a.by != by || a.begun.Before(sp.back) {
					continue
				}
				if first.IsZero() || a.begun.Before(first) {
					first = a.begun
				}
				end := a.begun.Add(a.took)
				if a.status/100 == 2 && (well.IsZero() || end.Before(well)) {
					well = end
				}
				if a.begun.Before(sp.back.Add(errorWindow)) || !sp.gone.IsZero() && end.After(sp.gone) {
					continue
				}
				if later++; a.status/100 != 2 {
					s.fail("%s: answered %d by replica %d %v after the database was back", what, a.status, i, a.begun.Sub(sp.back).Round(time.Millisecond))
				}
			}
			if well.IsZero() {
				s.fail("%s: replica %d served nobody once the database was back", what, i)
				continue
			}
			longest = max(longest, well.Sub(first))
		}
	}
	if longest > errorWindow {
		s.fail("%s: the first that a replica served once the database was back was so after %v", what, longest)
	}
	s.t.Logf("%s, by status: %v; the first that a replica served once the database was back was so after at most %v; %d came later than %v",
		what, statuses, longest.Round(time.Millisecond), later, errorWindow)
}

// postgres is a server of the test's own, durable as in production.
type postgres struct {
	t       *testing.T
	options pgembed.Options
	server  *pgembed.Server
	spells  []spell // in which it serves
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
	p.spells = append(p.spells, spell{back: time.Now()})
}

func (p *postgres) stop() {
	p.t.Helper()
	p.goes()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(p.t, p.server.Stop(ctx))
}

// goes notes that the server is about to end.
func (p *postgres) goes() { p.spells[len(p.spells)-1].gone = time.Now() }

// betweenRestarts is how long Postgres serves before it is stopped or killed.
const betweenRestarts = 2 * time.Second

// restarts stops the server in an orderly way and kills it, n times each, and
// starts it again every time. It goes on when the server was of use, if it ever is.
func (p *postgres) restarts(n int, used func() bool) {
	p.t.Helper()
	for i := range 2 * n {
		pause(betweenRestarts)
		if i%2 == 0 {
			p.stop()
			p.start()
		} else {
			p.kill()
			p.revive()
		}
		if !used() {
			return
		}
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
	p.goes()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.t.Fatal(err)
	}
}
