package pgembed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// initdb makes the cluster. initdb itself leaves a torn folder when it is
// killed, so it works in data.new and the rename decides: data is whole or
// absent, and a torn data.new is thrown away next time.
func (c cluster) initdb(ctx context.Context, s installation, lock *os.File) error {
	c.Log(fmt.Sprintf("creating a PostgreSQL %d database in %s (first start only)", s.major, c.dir))
	fresh := c.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	// A bare environment has no locale, so none may be asked for. "trust" is
	// safe: there is only a socket, and only we can enter its folder.
	args := []string{"-D", fresh, "-U", superuser, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions"}
	if c.Fast {
		args = append(args, "--no-sync")
	}
	var output bytes.Buffer
	cmd := c.who.command(ctx, filepath.Join(s.dir, "initdb"), args...)
	cmd.Dir, cmd.ExtraFiles = c.dir, []*os.File{lock}
	cmd.Stdout, cmd.Stderr = &output, &output
	p, err := launch(cmd, func() {})
	if err != nil {
		return err
	}
	<-p.done
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if p.err != nil {
		return fmt.Errorf("initdb: %w\n%s", p.err, bytes.TrimSpace(output.Bytes()))
	}
	if err := os.Rename(fresh, c.data()); err != nil {
		return err
	}
	return syncFolder(c.dir)
}

// syncFolder writes a rename in dir out, so that no power cut can bring the old
// name back and have the next start throw the data away.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
