package pgembed

import (
	"fmt"
	"os"
	"path/filepath"
)

// DataDir is the folder for what textme keeps on this machine when nothing else
// is set: /var/lib/textme for root, else textme in $XDG_STATE_HOME, which is
// ~/.local/state unless it is set to an absolute path
// (https://specifications.freedesktop.org/basedir-spec/). It is not made here.
// The server that scripts/postgres unpacks lies in postgres below it.
func DataDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/textme", nil
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "textme"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w", err)
	}
	return filepath.Join(home, ".local/state/textme"), nil
}

// unpackedDir is where scripts/postgres, run by us, unpacks a server.
func unpackedDir() (string, error) {
	if dir := os.Getenv("TEXTME_POSTGRES_DIR"); dir != "" {
		return dir, nil
	}
	dir, err := DataDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "postgres"), nil
}
