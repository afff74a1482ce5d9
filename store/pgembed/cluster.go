package pgembed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// cluster is one folder with the data of one server. dir holds data, data.new
// (while initdb works), lock and postgres.log, and usually the socket.
type cluster struct {
	Options
	dir    string // absolute, without symbolic links
	socket string // folder of the socket
	who    identity
}

func (c cluster) data() string { return filepath.Join(c.dir, "data") }

// major returns the major version that made the data, 0 if there is none yet.
func (c cluster) major() (int, error) {
	b, err := os.ReadFile(filepath.Join(c.data(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(b)), ".") // "9.6" before 10
	major, err := strconv.Atoi(first)
	if err != nil {
		return 0, fmt.Errorf("%s/PG_VERSION is not a version number", c.data())
	}
	return major, nil
}

// run makes the cluster if need be and starts its server. It takes the lock
// over: on success the lock is let go when the server has ended.
func (c cluster) run(ctx context.Context, servers []installation, lock *os.File) (*process, error) {
	s, err := c.prepare(ctx, servers, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return c.serve(ctx, s, lock)
}

// prepare leaves a cluster that the returned installation can serve.
func (c cluster) prepare(ctx context.Context, servers []installation, lock *os.File) (installation, error) {
	major, err := c.major()
	if err != nil {
		return installation{}, err
	}
	s, err := chooseServer(servers, major)
	if err != nil {
		return installation{}, err
	}
	if err := c.clearStale(); err != nil {
		return installation{}, err
	}
	if major == 0 {
		err = c.initdb(ctx, s, lock)
	}
	return s, err
}

// clearStale removes what a killed server left behind. We hold the lock, so no
// server uses this folder, whatever these files say: the process they name may
// be a zombie that nobody reaps, or a stranger that got its number later.
func (c cluster) clearStale() error {
	for _, name := range []string{
		filepath.Join(c.data(), "postmaster.pid"),
		filepath.Join(c.socket, socketName+".lock"),
	} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// open opens a file of ours in the folder, making it if needed. Root gives it
// to the account the server runs as, which may be the one to start it next
// time, and follows no link that this account may have put there.
func (c cluster) open(name string, flag int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(c.dir, name), flag|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if c.who.cred != nil {
		if err := f.Chown(int(c.who.cred.Uid), int(c.who.cred.Gid)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}
