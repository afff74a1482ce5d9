// Command bench measures the service the way it runs: the real binary as a
// process of its own with production settings, a durable Postgres on a disk,
// and a stand-in for Twilio that answers at once. Clients, service and database
// share the machine, so that ratios say more than rates; beside ours stands
// what the database reaches by itself, in the same run, for the rows that one
// request must leave.
//
// Every row has a database of its own, copied from one template, so that no row
// suffers from what the one before has left. It listens on loopback only, ends
// by itself after about five minutes, and takes its children along. With node and
// npm on the machine it measures a receiver built on Fastify too, which npm
// installs for it.
//
// The environment changes its size: BENCH_SECONDS is the time of each
// measurement (5), BENCH_CONVERSATIONS the size of the growth row (200000), BENCH_JOBS
// that of the backlog (100000), BENCH_ROWS an expression that chooses rows by goal,
// such as PF1.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is what the rows share.
type bench struct {
	binary  string
	seconds time.Duration // of each measurement
	db      *database
	twilio  *stub
	report  *report
}

// prepared is how many conversations the template holds.
const prepared = 2000

func run(ctx context.Context) (err error) {
	if len(os.Args) != 2 {
		return errors.New("usage: bench BINARY")
	}
	only, err := regexp.Compile(os.Getenv("BENCH_ROWS"))
	if err != nil {
		return fmt.Errorf("BENCH_ROWS: %w", err)
	}
	b := &bench{binary: os.Args[1], seconds: time.Duration(size("BENCH_SECONDS", 5)) * time.Second, report: &report{out: os.Stdout}}
	if b.db, err = startDatabase(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.db.stop(context.WithoutCancel(ctx))) }()
	if b.twilio, err = startStub(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.twilio.stop()) }()
	if err := b.makeTemplate(ctx); err != nil {
		return fmt.Errorf("make the template: %w", err)
	}
	version, err := b.db.setting(ctx, "SELECT version()")
	if err != nil {
		return err
	}
	fmt.Printf("%d processors, load %s, %v a measurement\n%s\n\n", runtime.NumCPU(), loadAverage(), b.seconds, version)
	for _, r := range []struct {
		goal    string
		measure func(context.Context) error
	}{
		{"PF1", b.ingest},
		{"PF2", b.steadyIngest},
		{"PF3", b.accept},
		{"PF4", b.complete},
		{"PF5", b.reply},
		{"PF6", b.footprint},
		{"PF7", b.growth},
		{"Q2", b.neighbors},
		{"Q4", b.drain},
	} {
		if !only.MatchString(r.goal) {
			continue
		}
		if err := r.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", r.goal, err)
		}
	}
	fmt.Printf("\nload %s at the end\n\n", loadAverage())
	return b.report.table()
}

// makeTemplate has the service migrate the template and seed its first source.
func (b *bench) makeTemplate(ctx context.Context) error {
	dsn := b.db.dsn(template)
	s, err := startService(ctx, b.binary, b.db.dir, dsn, b.twilio.url, nil)
	if err != nil {
		return err
	}
	return errors.Join(s.stop(), prepare(ctx, dsn, 0, prepared))
}

// fresh starts the service on a database like the template.
func (b *bench) fresh(ctx context.Context, change map[string]string) (s *service, dsn string, err error) {
	if dsn, err = b.db.copy(ctx); err != nil {
		return nil, "", err
	}
	b.twilio.forget()
	url := b.twilio.url
	if change["TWILIO_BASE_URL"] != "" {
		url = change["TWILIO_BASE_URL"]
	}
	if s, err = startService(ctx, b.binary, b.db.dir, dsn, url, change); err != nil {
		return nil, "", err
	}
	return s, dsn, b.db.settle(ctx)
}

// measure runs a load on the service and adds a row about it. Half as long
// before, the same load warms up both sides: each connection plans a statement
// six times before it keeps a plan.
func (b *bench) measure(s *service, line row, work func(time.Duration) outcome) {
	work(b.seconds / 2)
	service, postgres, posts := cpuOfFamily(s.cmd.Process.Pid), cpuOfFamily(b.db.pid), b.twilio.posts.Load()
	idle, total := processors()
	o := work(b.seconds)
	line.busy = busySince(idle, total)
	service, postgres = cpuOfFamily(s.cmd.Process.Pid)-service, cpuOfFamily(b.db.pid)-postgres
	line.memory = peakOfFamily(s.cmd.Process.Pid)
	line.rate, line.p50, line.p99 = o.rate(), o.waits.at(0.50), o.waits.at(0.99)
	if o.done > 0 {
		line.service, line.postgres = service/time.Duration(o.done), postgres/time.Duration(o.done)
	}
	var notes []string
	if posted := b.twilio.posts.Load() - posts; posted > 0 {
		notes = append(notes, fmt.Sprintf("%.0f texts/s posted", float64(posted)/o.took.Seconds()))
	}
	if o.refused > 0 {
		notes = append(notes, fmt.Sprintf("%d refused", o.refused))
	}
	line.note = strings.Join(notes, ", ")
	b.report.add(line)
}

func size(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return usual
}

// loadAverage is of the last minute, "unknown" where the kernel does not say.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
