package pgembed_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience is how long a test waits for anything before it fails.
const patience = 30 * time.Second

// eventually polls until holds returns true.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-poll.C:
		case <-late:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// waitFree waits until no process of a server is left in dir.
func waitFree(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	eventually(t, "the server in "+dir+" to be gone", func() bool {
		return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	})
}

// app is a process that runs runApp.
type app struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  chan started
	errs strings.Builder
}

// startApp starts a process on dir, with the given attributes if any. Its
// answer is in out once the server is up.
func startApp(t *testing.T, dir string, attr *syscall.SysProcAttr) *app {
	t.Helper()
	exe := "/proc/self/exe" // reachable for any account, unlike the binary's folder
	if _, err := os.Stat(exe); err != nil {
		exe = os.Args[0]
	}
	a := &app{t: t, cmd: exec.Command(exe), out: make(chan started, 1)}
	a.cmd.Env = append(os.Environ(), appEnv+"="+dir)
	a.cmd.SysProcAttr = attr
	a.cmd.Stderr = &a.errs
	in, err := a.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.in = in
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(a.out)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var s started
			if json.Unmarshal(lines.Bytes(), &s) == nil {
				a.out <- s
			}
		}
	}()
	t.Cleanup(a.kill)
	return a
}

// up waits for the app's next answer.
func (a *app) up() started {
	a.t.Helper()
	select {
	case s, ok := <-a.out:
		if !ok {
			err := a.cmd.Wait()
			a.t.Fatalf("the app ended: %v\n%s", err, a.errs.String())
		}
		return s
	case <-time.After(patience):
		a.t.Fatalf("no server after %v", patience)
	}
	panic("unreachable")
}

// again has the app call Start once more.
func (a *app) again() {
	a.t.Helper()
	if _, err := io.WriteString(a.in, "\n"); err != nil {
		a.t.Fatal(err)
	}
}

// kill ends the app with SIGKILL, unless it has ended.
func (a *app) kill() {
	if a.cmd.ProcessState == nil {
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait()
	}
}

// terminate ends the app with SIGTERM and returns how it ended.
func (a *app) terminate() error {
	a.t.Helper()
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		a.t.Fatal(err)
	}
	return a.cmd.Wait()
}

// exec1 runs statements on a connection of its own and returns the last one's
// first column.
func exec1(t *testing.T, dsn string, statements ...string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, q := range statements {
		rows, err := conn.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			if err := rows.Scan(&value); err != nil {
				t.Fatal(err)
			}
		}
		if rows.Err() != nil {
			t.Fatalf("%s: %v", q, rows.Err())
		}
	}
	return value
}

// postmaster returns the pid of the server that runs in dir.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	line, _, _ := strings.Cut(readFile(t, dir, "data/postmaster.pid"), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func readFile(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// nobody is the account without rights on Linux.
const nobody = 65534

func owner(t *testing.T, path string) (uid, gid uint32) {
	t.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := fi.Sys().(*syscall.Stat_t)
	return st.Uid, st.Gid
}
