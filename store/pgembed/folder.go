package pgembed

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// resolve makes the parents of dir and returns dir absolute and without
// symbolic links, so that every process knows it by the same name.
func resolve(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("no folder given")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // the server, under its account, passes through
		return "", err
	}
	switch target, err := filepath.EvalSymlinks(dir); {
	case err == nil:
		return target, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
	return filepath.Join(parent, filepath.Base(dir)), err
}

// maxSocketDir is the longest folder name whose socket path fits sun_path,
// which has 104 bytes on macOS and 108 on Linux, the final NUL included.
const maxSocketDir = 103 - len("/"+socketName)

// socketDir returns where the socket of dir lies: in dir, unless its path is
// too long or has a character that separates several folders in a setting or a
// host list. Then it is a folder in /tmp, whose name follows from dir.
func socketDir(dir string) string {
	if len(dir) <= maxSocketDir && !strings.ContainsAny(dir, `,"`) {
		return dir
	}
	return fmt.Sprintf("/tmp/textme-%.8x", sha256.Sum256([]byte(dir)))
}

// ensurePrivate makes the folder, or turns an empty one of ours into a private
// one. A folder that holds something, or is somebody else's, it never changes.
func (w identity) ensurePrivate(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if w.checkPrivate(dir) == nil {
		return nil
	}
	fi, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 || !fi.IsDir() || ownerUID(fi) != os.Geteuid() {
		return w.checkPrivate(dir)
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder
		return err
	}
	if w.cred != nil {
		return os.Lchown(dir, int(w.cred.Uid), int(w.cred.Gid))
	}
	return nil
}

// checkPrivate returns nil if only the server's account can enter the folder.
// In /tmp anybody may have made one of this name.
func (w identity) checkPrivate(dir string) error {
	fi, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !fi.IsDir() || fi.Mode().Perm() != 0o700 || ownerUID(fi) != w.uid() {
		return fmt.Errorf("%s (%v, uid %d) is in use: the database needs a folder of its own, with mode 0700 and of uid %d",
			dir, fi.Mode(), ownerUID(fi), w.uid())
	}
	return nil
}
