package storetest

import (
	"context"
	"io"
	"os/exec"
	"syscall"
)

// clusterName is the folder of the server's own within the temporary one.
const clusterName = "cluster"

// reap waits for the end of its input, stops the server where the kernel does
// not, and removes the folder, which a server going down may still write to.
const reap = `
trap '' HUP INT TERM
cat
kill -QUIT "$(head -n 1 "$1/` + clusterName + `/data/postmaster.pid")"
tries=0
until rm -rf "$1" || [ "$tries" -ge 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done`

// removeAfterExit has another process remove dir when this one is gone, however
// it goes: tests can panic, time out or be killed, and then run no code of
// their own. It notices by a pipe that nobody else holds open. The closer must
// be kept, or garbage collection would close the pipe.
func removeAfterExit(ctx context.Context, dir string) (io.Closer, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "sh", "-c", reap, "sh", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of Ctrl-C
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return life, cmd.Start()
}
