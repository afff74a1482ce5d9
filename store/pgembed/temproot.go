package pgembed

import (
	"os"
	"syscall"
)

// room is what memory must have free before data goes there. A cluster takes
// 40 MB and each database 10, and tests make many. Docker gives 64 MB in all.
const room = 1 << 30

// TempRoot returns the folder in which to make folders for clusters that need
// not last, and whether it is memory: /dev/shm if that has 1 GiB free, where
// PostgreSQL starts and copies several times faster than on a disk, else
// os.TempDir.
func TempRoot() (dir string, inMemory bool) {
	const memory = "/dev/shm"
	if hasRoom(memory, room) {
		return memory, true
	}
	return os.TempDir(), false
}

// hasRoom reports whether dir is there and has so many bytes free for us.
func hasRoom(dir string, bytes uint64) bool {
	var fs syscall.Statfs_t
	err := syscall.Statfs(dir, &fs)
	return err == nil && fs.Bavail*uint64(fs.Bsize) >= bytes //nolint:gosec // a block size is positive
}
