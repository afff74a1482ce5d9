package pgembed_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// singleUID is a sandbox in which its root is the only account.
func singleUID() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
}

// hasUserns reports whether this machine lets us make user namespaces.
func hasUserns() bool {
	cmd := exec.Command("true")
	cmd.SysProcAttr = singleUID()
	return cmd.Run() == nil
}

// startBy is one start: by whom, and how open the parent folder is by then.
type startBy struct {
	attr   func(t *testing.T, dir string) *syscall.SysProcAttr
	parent os.FileMode
}

func TestRunsAs(t *testing.T) {
	t.Parallel()
	us := func(*testing.T, string) *syscall.SysProcAttr { return nil }
	aNobody := func(*testing.T, string) *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	itsOwner := func(t *testing.T, dir string) *syscall.SysProcAttr {
		uid, gid := owner(t, dir)
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	}
	sandboxed := func(*testing.T, string) *syscall.SysProcAttr { return singleUID() }
	isUs := func(uid uint32) bool { return uid == uint32(os.Geteuid()) }
	isNobody := func(uid uint32) bool { return uid == nobody }
	isNotRoot := func(uid uint32) bool { return uid != 0 }
	root, userns := os.Geteuid() == 0, hasUserns()
	tests := []struct {
		name    string
		applies bool // to who we are and where
		parent  int  // owner of the parent folder
		starts  []startBy
		want    func(uid uint32) bool // the owner of the data
	}{
		{"ordinary user", !root, os.Geteuid(), []startBy{{us, 0o700}, {us, 0o700}}, isUs},
		{
			"root, then the account it chose, then root", root, os.Geteuid(),
			[]startBy{{us, 0o755}, {itsOwner, 0o755}, {us, 0o755}},
			isNotRoot,
		},
		{
			"root in a private folder that is opened later", root && userns, os.Geteuid(),
			[]startBy{{us, 0o700}, {us, 0o755}},
			isUs,
		},
		{
			"a user, then root, then the user", root, nobody,
			[]startBy{{aNobody, 0o700}, {us, 0o700}, {aNobody, 0o700}},
			isNobody,
		},
		{
			"root of a sandbox with a single uid", userns, os.Geteuid(),
			[]startBy{{sandboxed, 0o755}, {sandboxed, 0o755}},
			isUs,
		},
	}
	for _, tt := range tests {
		if !tt.applies {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := newDir(t)
			parent := filepath.Dir(dir)
			if err := os.Chown(parent, tt.parent, -1); err != nil {
				t.Fatal(err)
			}
			for i, start := range tt.starts {
				if err := os.Chmod(parent, start.parent); err != nil {
					t.Fatal(err)
				}
				a := startApp(t, dir, start.attr(t, dir))
				s := a.up()
				exec1(t, s.DSN, fmt.Sprintf("CREATE TABLE start_%d ()", i))
				if uid, _ := owner(t, filepath.Join(dir, "data")); !tt.want(uid) {
					t.Errorf("start %d: the data belongs to uid %d", i, uid)
				}
				if err := a.terminate(); err != nil {
					t.Fatalf("start %d: the app ended with %v\n%s", i, err, a.errs.String())
				}
			}
		})
	}
}
