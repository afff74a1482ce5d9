package pgembed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// pollEvery is how often Start looks whether the lock is free or the server
// answers. Each look costs a failed connect to a Unix socket.
const pollEvery = 20 * time.Millisecond

// acquire takes the folder's lock, or finds that the server answers: then free
// is false, lock nil, and another process owns it.
//
// The lock travels with the server: every process of it inherits the open file,
// and flock holds until the last one is gone. Having the lock therefore proves
// that no server uses the folder, which no file with a pid in it can. Not
// getting it while nobody answers means that a server is starting or stopping.
func (c cluster) acquire(ctx context.Context) (lock *os.File, free bool, err error) {
	f, err := c.open("lock", os.O_RDWR)
	if err != nil {
		return nil, false, err
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	patience := time.After(time.Second)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, true, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, false, errors.Join(fmt.Errorf("lock %s: %w", f.Name(), err), f.Close())
		}
		if c.who.checkPrivate(c.socket) == nil && ping(ctx, c.socket) == nil {
			return nil, false, f.Close()
		}
		select {
		case <-poll.C:
		case <-patience:
			c.Log("waiting for another process that is starting or stopping PostgreSQL")
		case <-ctx.Done():
			err := fmt.Errorf("%s is held by a server that does not answer: %w", f.Name(), context.Cause(ctx))
			return nil, false, errors.Join(err, f.Close())
		}
	}
}
