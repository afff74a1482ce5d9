package pgembed_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"textme/store/pgembed"
)

// start starts a server in this process and stops it after the test.
func start(t *testing.T, o pgembed.Options) *pgembed.Server {
	t.Helper()
	s, err := pgembed.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) }) // the test may have stopped it at once
	return s
}

func TestTerminatedAppStopsServer(t *testing.T) {
	t.Parallel()
	dir := oldDir(t)
	a := startApp(t, dir, nil)
	conn, err := pgx.Connect(t.Context(), a.up().DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) // an idle client must not hold the server up
	if err := a.terminate(); err != nil {
		t.Fatalf("the app did not end well: %v\n%s", err, a.errs.String())
	}
	if log := readFile(t, dir, "postgres.log"); !strings.Contains(log, "database system is shut down") {
		t.Errorf("no clean shutdown in the log:\n%s", log)
	}
	if _, err := os.Stat(filepath.Join(dir, "data/postmaster.pid")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the pid file is still there (%v)", err)
	}
}

// Ctrl-C goes to a whole process group. The server must not be in ours: we may
// need it while we drain.
func TestServerIsOutOfOurProcessGroup(t *testing.T) {
	t.Parallel()
	dir := oldDir(t)
	start(t, pgembed.Options{Dir: dir, Fast: true})
	group, err := syscall.Getpgid(postmaster(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if group == syscall.Getpgrp() {
		t.Error("the server is in our process group")
	}
}

func TestStopTwice(t *testing.T) {
	t.Parallel()
	s := start(t, pgembed.Options{Dir: oldDir(t), Fast: true})
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := s.Stop(t.Context()); err != nil {
				t.Errorf("Stop: %v", err)
			}
		})
	}
	both.Wait()
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop of a stopped server: %v", err)
	}
}

func TestStopAtOnceLosesNothing(t *testing.T) {
	t.Parallel()
	dir := oldDir(t)
	s := start(t, pgembed.Options{Dir: dir})
	exec1(t, s.DSN, "CREATE TABLE kept AS SELECT 'kept' AS word")
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.Stop(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop with an ended context: %v, want context.Canceled", err)
	}
	s = start(t, pgembed.Options{Dir: dir})
	if got := exec1(t, s.DSN, "SELECT word FROM kept"); got != "kept" {
		t.Errorf("after recovery: %q, want kept", got)
	}
}

func TestStartCancelled(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := pgembed.Start(ctx, pgembed.Options{Dir: dir, Fast: true, Log: func(string) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("Start: %v, want context.Canceled", err)
	}
	waitFree(t, dir)
	start(t, pgembed.Options{Dir: dir, Fast: true})
}
