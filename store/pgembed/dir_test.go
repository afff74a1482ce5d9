package pgembed_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"textme/store/pgembed"
)

// newDir returns the name of a folder that Start will make, which any account
// could reach, and removes it after the servers in it.
func newDir(t *testing.T) string {
	t.Helper()
	parent, err := newParent()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "cluster")
	t.Cleanup(func() {
		waitFree(t, dir)
		if err := os.RemoveAll(parent); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// oldDir is newDir with a cluster in it that has run before: a copy, since
// initdb takes most of the time of a first start.
func oldDir(t *testing.T) string {
	t.Helper()
	dir := newDir(t)
	copyMaster(t, dir)
	return dir
}

func copyMaster(t *testing.T, dir string) {
	t.Helper()
	if err := makeMaster(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", masterDir(), dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
}

// masterParent is set, and removed, by TestMain.
var masterParent string

func masterDir() string { return filepath.Join(masterParent, "cluster") }

// makeMaster makes the cluster that oldDir copies, the first time.
var makeMaster = sync.OnceValue(func() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := pgembed.Start(ctx, pgembed.Options{Dir: masterDir(), Fast: true})
	if err != nil {
		return err
	}
	return s.Stop(ctx)
})

// newParent makes a temporary folder that any account can enter.
func newParent() (string, error) {
	root, _ := pgembed.TempRoot()
	parent, err := os.MkdirTemp(root, "pgembed")
	if err != nil {
		return "", err
	}
	return parent, os.Chmod(parent, 0o755)
}
