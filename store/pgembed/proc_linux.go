package pgembed

import (
	"os"
	"syscall"
)

// stopWithParent has the kernel send SIGINT when we die, which postgres and
// initdb take as an order to stop in good order.
func stopWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// enterUserns makes root appear as uid 1000 in a namespace of its own. Outside
// it is root all the same: its files are root's, and every folder is open to it.
func enterUserns(attr *syscall.SysProcAttr) {
	attr.Cloneflags = syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 1000, HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 1000, HostID: os.Getegid(), Size: 1}}
}
