package pgembed_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/store/pgembed"
)

func TestStartPassesOnNoSecrets(t *testing.T) {
	t.Setenv("SECRET_KEY", "not for the server")
	s := start(t, pgembed.Options{Dir: oldDir(t), Fast: true})
	env := exec1(t, s.DSN, "CREATE TABLE env (line text)", "COPY env FROM PROGRAM 'env'",
		"SELECT string_agg(line, chr(10)) FROM env")
	if !strings.Contains(env, "PATH=") {
		t.Errorf("PATH is missing in %q", env)
	}
	if strings.Contains(env, "SECRET_KEY") {
		t.Errorf("the secret reached the server: %q", env)
	}
}

func TestStartOptions(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	var steps []string
	s := start(t, pgembed.Options{
		Dir: dir, Database: `odd "name"/ü`, Fast: true,
		Settings: map[string]string{"work_mem": "5MB", "fsync": "on", "listen_addresses": "*"},
		Log:      func(step string) { steps = append(steps, step) },
	})
	got := map[string]string{"database": exec1(t, s.DSN, "SELECT current_database()")}
	want := map[string]string{
		"database":           `odd "name"/ü`,
		"work_mem":           "5MB",
		"synchronous_commit": "off", // Fast
		"fsync":              "on",  // a setting beats Fast
		"listen_addresses":   "",    // and nothing beats privacy
	}
	for name := range want {
		if name != "database" {
			got[name] = exec1(t, s.DSN, "SHOW "+name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if len(steps) != 1 || !strings.Contains(steps[0], "first start") {
		t.Errorf("steps of the first start: %q, want one, of the new database", steps)
	}

	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	steps = nil
	s = start(t, pgembed.Options{Dir: dir, Log: func(step string) { steps = append(steps, step) }})
	if len(steps) != 0 {
		t.Errorf("steps of the second start: %q, want none", steps)
	}
	got = map[string]string{"database": exec1(t, s.DSN, "SELECT current_database()"), "fsync": exec1(t, s.DSN, "SHOW fsync")}
	if diff := cmp.Diff(map[string]string{"database": "textme", "fsync": "on"}, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

// A pid file may name a process that is alive and not a server at all, such as
// one that got the number after a restart of the machine.
func TestStartIgnoresForeignPid(t *testing.T) {
	t.Parallel()
	dir := oldDir(t)
	s := start(t, pgembed.Options{Dir: dir, Fast: true})
	pidFile := filepath.Join(dir, "data/postmaster.pid")
	content := readFile(t, dir, "data/postmaster.pid")
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	foreign := exec.Command("cat")
	uid, gid := owner(t, filepath.Join(dir, "data"))
	if os.Geteuid() == 0 && uid != 0 { // PostgreSQL believes only in pids of its own user
		foreign.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	in, err := foreign.StdinPipe() // it ends with us
	if err != nil {
		t.Fatal(err)
	}
	if err := foreign.Start(); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(content, "\n")
	stale := []byte(strconv.Itoa(foreign.Process.Pid) + "\n" + rest)
	if err := os.WriteFile(pidFile, stale, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(pidFile, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}

	if s := start(t, pgembed.Options{Dir: dir, Fast: true}); !s.Owned {
		t.Error("attached to something that is not there")
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := foreign.Wait(); err != nil {
		t.Errorf("the foreign process did not live on: %v", err)
	}
}

func TestStartLeavesOtherVersionsAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, version string
		other         bool // ErrOtherVersion
	}{
		{"newer than any", "99\n", true},
		{"older than we take", "9.6\n", true},
		{"not a version", "?\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := newDir(t)
			data := filepath.Join(dir, "data")
			if err := os.MkdirAll(data, 0o700); err != nil {
				t.Fatal(err)
			}
			for name, content := range map[string]string{"PG_VERSION": tt.version, "marker": "precious"} {
				if err := os.WriteFile(filepath.Join(data, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if os.Geteuid() == 0 {
				for _, path := range []string{dir, data} {
					if err := os.Chown(path, nobody, nobody); err != nil {
						t.Fatal(err)
					}
				}
			}

			_, err := pgembed.Start(t.Context(), pgembed.Options{Dir: dir})
			if err == nil || errors.Is(err, pgembed.ErrOtherVersion) != tt.other {
				t.Errorf("Start: %v; want an error, ErrOtherVersion: %v", err, tt.other)
			}
			got := map[string]string{"PG_VERSION": readFile(t, dir, "data/PG_VERSION"), "marker": readFile(t, dir, "data/marker")}
			if diff := cmp.Diff(map[string]string{"PG_VERSION": tt.version, "marker": "precious"}, got); diff != "" {
				t.Errorf("the data was touched (-want +got):\n%s", diff)
			}
		})
	}
}

// Servers start in folders of any name, and leave nothing in /tmp.
func TestStartInOddFolders(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, folder string }{
		{"longer than the path of a socket", strings.Repeat("long", 30)},
		{"comma", "a,b"},
		{"what URLs and shells take apart", `Ann's 100% "ö" folder`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(filepath.Dir(newDir(t)), tt.folder)
			copyMaster(t, dir)
			s := start(t, pgembed.Options{Dir: dir, Fast: true})
			exec1(t, s.DSN, "CREATE TABLE works ()")
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			u, err := url.Parse(s.DSN)
			if err != nil {
				t.Fatal(err)
			}
			_, err = os.Stat(u.Query().Get("host"))
			if inTmp := u.Query().Get("host") != dir; inTmp != errors.Is(err, os.ErrNotExist) {
				t.Errorf("the folder of the socket, in /tmp: %v, after Stop: %v", inTmp, err)
			}
		})
	}
}

// In /tmp anybody may wait for us with a socket of his own.
func TestStartDistrustsOpenSocketFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(filepath.Dir(newDir(t)), strings.Repeat("long", 30))
	copyMaster(t, dir)
	first := start(t, pgembed.Options{Dir: dir, Fast: true})
	u, err := url.Parse(first.DSN)
	if err != nil {
		t.Fatal(err)
	}
	socket := u.Query().Get("host")
	if err := os.Chmod(socket, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := pgembed.Start(ctx, pgembed.Options{Dir: dir}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Start: %v, want no more than waiting", err)
	}

	if err := os.Chmod(socket, 0o700); err != nil {
		t.Fatal(err)
	}
	second, err := pgembed.Start(t.Context(), pgembed.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if second.Owned || second.DSN != first.DSN {
		t.Errorf("second start: %+v, want attached to %s", second, first.DSN)
	}
}
