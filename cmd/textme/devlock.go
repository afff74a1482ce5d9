package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockDev keeps a second dev out of the folder: two would write one
// simulator's journal. The kernel drops the lock when the process ends,
// however it ends, so a killed run blocks nobody.
func lockDev(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "dev.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another textme dev keeps its data in %s; stop it, or set DATA_DIR to another folder", dir), f.Close())
	}
	return f, nil
}
