package pgembed

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a command that was started. err may be read once done is closed.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// launch starts cmd and calls atEnd when it has ended, unless it never started.
// The command gets a process group of its own, so that Ctrl-C reaches only us
// and we may drain before the database goes, and on Linux it is told to stop
// when we die.
func launch(cmd *exec.Cmd, atEnd func()) (*process, error) {
	cmd.SysProcAttr.Setpgid = true
	stopWithParent(cmd.SysProcAttr)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// To the kernel the parent is the thread that forked, so that has to live
		// as long as the command (syscall.SysProcAttr, Pdeathsig).
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		atEnd()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// stop ends a postgres server: politely until ctx ends, then at once. Its
// signals: https://www.postgresql.org/docs/current/server-shutdown.html
func (p *process) stop(ctx context.Context) error {
	// Signals to a process that has already ended do nothing.
	_ = p.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
	}
	_ = p.cmd.Process.Signal(syscall.SIGQUIT) // immediate shutdown
	select {
	case <-p.done:
	case <-time.After(10 * time.Second): // it kills its own children after 5
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	return fmt.Errorf("stop postgres in time: %w", context.Cause(ctx))
}
