package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// helperEnv has the test binary, started again, be a test process: it takes a
// server and a database, prints what it got, waits for a line of input, and
// ends in the way the variable says.
const helperEnv = "STORETEST_HELPER"

func TestMain(m *testing.M) {
	how := os.Getenv(helperEnv)
	if how == "" {
		os.Exit(m.Run())
	}
	if err := help(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if how == "panic" {
		panic("as a test would")
	}
}

func help() error {
	s, err := shared()
	if err != nil {
		return err
	}
	name, err := s.clone(context.Background())
	if err != nil {
		return err
	}
	fmt.Println(s.dir, s.template, name)
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	return err
}

// helper is a test process that has its database.
type helper struct {
	cmd                 *exec.Cmd
	in                  io.Writer
	dir, template, name string
}

func startHelper(t *testing.T, how, url string) *helper {
	t.Helper()
	h := &helper{cmd: exec.Command(os.Args[0])}
	h.cmd.Env = append(os.Environ(), helperEnv+"="+how, urlEnv+"="+url)
	var stderr strings.Builder
	h.cmd.Stderr = &stderr
	in, err := h.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.in = in
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.cmd.Process.Kill(); _ = h.cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = h.cmd.Wait()
		t.Fatalf("the helper said %q, %v\n%s", line, err, stderr.String())
	}
	fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
	h.dir, h.template, h.name = fields[0], fields[1], fields[2]
	return h
}

// goOn lets the helper end in its way.
func (h *helper) goOn(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(h.in, "\n"); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait() // some ways are failures
}

// eventually polls until holds returns true.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	late := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-poll.C:
		case <-late:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func TestNothingStaysBehind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, how string
		end       func(t *testing.T, h *helper)
	}{
		{"after the end", "end", func(t *testing.T, h *helper) { h.goOn(t) }},
		{"after a panic", "panic", func(t *testing.T, h *helper) { h.goOn(t) }},
		{"after kill -9", "end", func(t *testing.T, h *helper) {
			if err := h.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := startHelper(t, tt.how, "")
			lock, err := os.Open(filepath.Join(h.dir, clusterName, "lock"))
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			tt.end(t, h)
			eventually(t, "the folder to be removed", func() bool {
				_, err := os.Stat(h.dir)
				return errors.Is(err, os.ErrNotExist)
			})
			// Every process of the server shares the lock.
			eventually(t, "the server to be gone", func() bool {
				return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
			})
		})
	}
}

// On a server that runs already, a run drops what dead ones left, and nothing
// of those that live.
func TestRunningServer(t *testing.T) {
	t.Parallel()
	ours, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	url := ours.url.String()
	dead := startHelper(t, "end", url)
	living := startHelper(t, "end", url)
	if dead.dir != "" || living.dir != "" {
		t.Error("a server was started although one was given")
	}
	dead.goOn(t)
	// The server notices only a moment later that the process is gone.
	eventually(t, "the lock of the dead one to be free", func() bool {
		var free bool
		err := ours.admin.QueryRow(t.Context(), `SELECT pg_try_advisory_xact_lock(hashtext($1))`, dead.template).Scan(&free)
		return err == nil && free
	})
	last := startHelper(t, "end", url)
	var got []string
	for _, h := range []*helper{dead, living, last} {
		got = append(got, databases(t, ours.admin, h.template)...)
	}
	want := []string{living.template, living.name, last.template, last.name}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
}
