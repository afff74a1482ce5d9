package pgembed_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"textme/store/pgembed"
)

// Only Linux stops the server when its owner is killed.

func TestStartAfterKill(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		kills    int
		kill     func(t *testing.T, a *app, dir string)
		recovers bool // the server had no time to stop in good order
	}{
		{"of the app", 10, func(_ *testing.T, a *app, _ string) { a.kill() }, false},
		{"of the app and the postmaster", 5, func(t *testing.T, a *app, dir string) {
			if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			a.kill()
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := oldDir(t)
			a := startApp(t, dir, nil)
			exec1(t, a.up().DSN, "CREATE TABLE starts (n int)")
			for n := range tt.kills {
				tt.kill(t, a, dir)
				a = startApp(t, dir, nil)
				s := a.up()
				if !s.Owned {
					t.Errorf("start %d attached to a server that is going down", n)
				}
				got := exec1(t, s.DSN, "INSERT INTO starts VALUES (1)", "SELECT count(*)::text FROM starts")
				if want := strconv.Itoa(n + 1); got != want {
					t.Fatalf("start %d: %s rows, want %s", n, got, want)
				}
			}
			got := strings.Contains(readFile(t, dir, "postgres.log"), "redo starts")
			if got != tt.recovers {
				t.Errorf("the log tells of a recovery: %v, want %v", got, tt.recovers)
			}
		})
	}
}

func TestStartAfterKillDuringInitdb(t *testing.T) {
	t.Parallel()
	for _, moment := range []string{"data.new/PG_VERSION", "data.new/global/pg_control"} {
		t.Run(filepath.Base(moment), func(t *testing.T) {
			t.Parallel()
			dir := newDir(t)
			a := startApp(t, dir, nil)
			eventually(t, moment, func() bool {
				_, err := os.Stat(filepath.Join(dir, moment))
				return err == nil
			})
			a.kill()
			if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
				t.Fatal("initdb was already done: the kill came too late to prove anything")
			}

			s := startApp(t, dir, nil).up()
			if !s.Owned {
				t.Error("the second start does not own the server")
			}
			exec1(t, s.DSN, "CREATE TABLE works ()")
			if _, err := os.Stat(filepath.Join(dir, "data.new")); err == nil {
				t.Error("the torn folder is still there")
			}
		})
	}
}

// A server that is still going down keeps the next one waiting, even though its
// owner is gone and it does not answer.
func TestStartWaitsForServerGoingDown(t *testing.T) {
	t.Parallel()
	dir := oldDir(t)
	a := startApp(t, dir, nil)
	pid := exec1(t, a.up().DSN, "SELECT pid::text FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
	checkpointer, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	before := postmaster(t, dir)
	if err := syscall.Kill(checkpointer, syscall.SIGSTOP); err != nil { // it has the last word
		t.Fatal(err)
	}
	resume := sync.OnceValue(func() error { return syscall.Kill(checkpointer, syscall.SIGCONT) })
	t.Cleanup(func() { _ = resume() })
	a.kill()

	step := make(chan string, 1)
	next := make(chan *pgembed.Server, 1)
	go func() {
		defer close(next)
		s, err := pgembed.Start(t.Context(), pgembed.Options{Dir: dir, Log: func(s string) { step <- s }})
		if err != nil {
			t.Errorf("the next start: %v", err)
			return
		}
		next <- s
	}()
	select {
	case s := <-step:
		if !strings.Contains(s, "waiting") {
			t.Errorf("step %q, want that it is waiting", s)
		}
	case <-next:
		t.Fatal("started beside a living server")
	case <-time.After(patience):
		t.Fatal("no word of waiting")
	}
	if got := postmaster(t, dir); got != before {
		t.Errorf("the pid file names %d, want it left at %d", got, before)
	}
	if err := resume(); err != nil {
		t.Fatal(err)
	}
	s, ok := <-next
	if !ok {
		return
	}
	if !s.Owned {
		t.Error("attached to the server that was going down")
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
