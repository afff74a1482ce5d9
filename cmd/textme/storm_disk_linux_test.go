//go:build storm

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"textme/store/pgembed"
)

// Row D1 with a disk that is really full: Postgres has a small one of its own. Only
// root can mount it; TestStormDiskFull is for everybody.
func TestStormSmallDisk(t *testing.T) {
	disk := t.TempDir()
	switch err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_NODEV|syscall.MS_NOSUID, "size=256m,mode=0755"); {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		t.Log("no disk of its own can be mounted here")
		return
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(disk, 0)) })
	pg := newPostgresWith(t, pgembed.Options{
		Dir:      filepath.Join(disk, "pg"),
		Settings: map[string]string{"max_wal_size": "96MB"},
	})
	s, tapped := newTextStorm(t, func(env map[string]string) { env["DATABASE_URL"] = pg.server.DSN })
	ballast := filepath.Join(disk, "ballast")
	s.fillDisk(tapped, func() {
		f, err := os.Create(ballast)
		must(t, err)
		if _, err := io.Copy(f, endless("full")); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the disk does not fill: %v", err)
		}
		must(t, f.Close())
	}, func() {
		must(t, os.Remove(ballast))
		pg.survive()
	})
}

// survive starts a server again that its full disk has ended: it gives up when there is
// no room for its log.
func (p *postgres) survive() {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		if pid := p.pid(); pid == 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			tick.Stop()
			p.t.Log("Postgres has given up on its full disk, and is started again")
			p.revive()
			return
		}
		if conn, err := pgx.Connect(p.t.Context(), p.server.DSN); err == nil {
			tick.Stop()
			must(p.t, conn.Close(p.t.Context()))
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatal("Postgres neither serves nor ends")
		}
	}
}
