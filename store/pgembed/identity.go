package pgembed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// identity is who the server runs as. Its zero value is ourselves.
type identity struct {
	cred   *syscall.Credential // another account
	userns bool                // root, appearing as another uid in a user namespace
}

func (w identity) String() string {
	switch {
	case w.cred != nil:
		return fmt.Sprintf("uid %d", w.cred.Uid)
	case w.userns:
		return "root in a user namespace"
	}
	return "ourselves"
}

// uid is the owner of the server's files, as seen from outside.
func (w identity) uid() int {
	if w.cred != nil {
		return int(w.cred.Uid)
	}
	return os.Geteuid()
}

// chooseIdentity decides who the server of the folder dir runs as: we, unless
// we are root, which PostgreSQL refuses. Then it is whoever owns the folder, else
// an account without rights, else root in disguise. Neither of the last two
// works everywhere: an account cannot enter a folder below /root, nor exist in
// a sandbox with a single uid; containers often forbid user namespaces. So each
// is tried by running the server s from the parent of dir.
func chooseIdentity(ctx context.Context, dir string, s installation) (identity, error) {
	if os.Geteuid() != 0 {
		return identity{}, nil
	}
	var refused error
	for _, w := range candidates(dir) {
		cmd := w.command(ctx, filepath.Join(s.dir, "postgres"), "-V")
		cmd.Dir = filepath.Dir(dir)
		err := cmd.Run()
		switch {
		case err == nil:
			return w, nil
		case ctx.Err() != nil: // that says nothing of the account
			return identity{}, ctx.Err()
		}
		refused = errors.Join(refused, fmt.Errorf("as %v: %w", w, err))
	}
	return identity{}, fmt.Errorf("PostgreSQL refuses to run as root, and nothing else works here; "+
		"choose another folder or start as another user: %w", refused)
}

// candidates lists the identities root may give the server, the best first. A
// folder that has been used keeps the one it has.
func candidates(dir string) []identity {
	disguise := identity{userns: true}
	if folder, err := os.Stat(dir); err == nil && ownerUID(folder) != 0 {
		return []identity{ownerOf(folder)}
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		return []identity{disguise}
	}
	var list []identity
	for _, name := range []string{"postgres", "_postgres", "nobody"} {
		if w, ok := account(name); ok {
			list = append(list, w)
		}
	}
	return append(list, disguise)
}

func account(name string) (identity, bool) {
	u, err := user.Lookup(name)
	if err != nil {
		return identity{}, false
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		return identity{}, false
	}
	return identity{cred: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, true
}

func ownerOf(fi os.FileInfo) identity {
	st := fi.Sys().(*syscall.Stat_t) // what package os gives on every Unix
	return identity{cred: &syscall.Credential{Uid: st.Uid, Gid: st.Gid}}
}

func ownerUID(fi os.FileInfo) int { return int(fi.Sys().(*syscall.Stat_t).Uid) }

// command is exec.CommandContext under this identity. Of our environment it
// passes on only what programs need to run: the secrets in it are not theirs.
func (w identity) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // which server to run is the caller's setting
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: w.cred}
	if w.userns {
		enterUserns(cmd.SysProcAttr)
	}
	cmd.Env = []string{}
	for _, name := range []string{"PATH", "TZ", "LD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.WaitDelay = 5 * time.Second // for grandchildren that hold the output open
	return cmd
}
