package pgembed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// serve starts the server and returns once it answers. The lock, which it takes
// over, is let go when the server has ended, and not before the folder of the
// socket is gone, so that nobody else is starting a server there meanwhile.
func (c cluster) serve(ctx context.Context, s installation, lock *os.File) (*process, error) {
	release := func() {
		if c.socket != c.dir {
			_ = os.Remove(c.socket) // a folder in /tmp; when it is not empty it may stay
		}
		_ = lock.Close()
	}
	p, err := c.launchServer(ctx, s, lock, release)
	if err != nil {
		release()
		return nil, err
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for ping(ctx, c.socket) != nil {
		select {
		case <-poll.C:
		case <-p.done:
			return nil, fmt.Errorf("postgres: %w\n%s", p.err, c.logTail())
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for the first answer: %w", context.Cause(ctx)), p.stop(ctx))
		}
	}
	return p, nil
}

func (c cluster) launchServer(ctx context.Context, s installation, lock *os.File, atEnd func()) (*process, error) {
	if err := c.who.ensurePrivate(c.socket); err != nil {
		return nil, err
	}
	log, err := c.open("postgres.log", os.O_APPEND|os.O_WRONLY)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// postgres itself and not pg_ctl, which would put itself between us and it.
	// It outlives ctx, which is only Start's.
	cmd := c.who.command(context.WithoutCancel(ctx), filepath.Join(s.dir, "postgres"), c.serverArgs()...)
	cmd.Dir, cmd.ExtraFiles = c.dir, []*os.File{lock}
	cmd.Stdout, cmd.Stderr = log, log
	return launch(cmd, atEnd)
}

// serverArgs lists the settings in rising order of weight: the last one wins.
func (c cluster) serverArgs() []string {
	args := []string{"-D", c.data()}
	set := func(name, value string) { args = append(args, "-c", name+"="+value) }
	set("max_connections", "200") // several processes with a pool each
	if c.Fast {
		for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
			set(name, "off")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		set(name, c.Settings[name])
	}
	set("listen_addresses", "")
	set("port", socketPort)
	set("unix_socket_directories", c.socket)
	return args
}

// logTail returns the end of the server's log, which says why it gave up.
func (c cluster) logTail() []byte {
	b, err := os.ReadFile(filepath.Join(c.dir, "postgres.log"))
	if err != nil {
		return []byte(err.Error())
	}
	const enough = 2000
	return bytes.TrimSpace(b[max(0, len(b)-enough):])
}
