package pgembed

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestEnsurePrivate(t *testing.T) {
	t.Parallel()
	us := identity{}
	other := identity{cred: &syscall.Credential{Uid: uint32(us.uid()) + 1}}
	mkdir := func(mode os.FileMode, files ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Mkdir(dir, mode); err != nil {
				t.Fatal(err)
			}
			for _, name := range files {
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	tests := []struct {
		name string
		who  identity
		make func(t *testing.T, dir string)
		want os.FileMode // of the folder; 0: refused and as it was
	}{
		{"missing", us, func(*testing.T, string) {}, 0o700},
		{"empty", us, mkdir(0o755), 0o700},
		{"private already", us, mkdir(0o700, "data"), 0o700},
		{"open and in use", us, mkdir(0o755, "letters"), 0},
		{"private, of another account and in use", other, mkdir(0o700, "letters"), 0},
		{"a file", us, func(t *testing.T, dir string) {
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, 0},
		{"a link to a folder", us, func(t *testing.T, dir string) {
			mkdir(0o700)(t, dir+".real")
			if err := os.Symlink(dir+".real", dir); err != nil {
				t.Fatal(err)
			}
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "folder")
			tt.make(t, dir)
			before, _ := os.Lstat(dir)
			err := tt.who.ensurePrivate(dir)
			after, statErr := os.Lstat(dir)
			if statErr != nil {
				t.Fatal(statErr)
			}
			switch {
			case tt.want == 0 && err == nil:
				t.Error("accepted")
			case tt.want == 0 && after.Mode() != before.Mode():
				t.Errorf("refused, but the mode went from %v to %v", before.Mode(), after.Mode())
			case tt.want != 0 && (err != nil || after.Mode().Perm() != tt.want):
				t.Errorf("%v, mode %v; want none and %v", err, after.Mode(), tt.want)
			}
		})
	}
}

func TestSocketDir(t *testing.T) {
	t.Parallel()
	long := "/" + strings.Repeat("x", maxSocketDir-1)
	tests := []struct {
		name, dir string
		same      bool
	}{
		{"short", "/var/lib/textme/db", true},
		{"space and quote", "/home/Ann's folder/db", true},
		{"as long as may be", long, true},
		{"one too long", long + "x", false},
		{"comma separates hosts", "/a,b", false},
		{"double quote", `/a"b`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := socketDir(tt.dir)
			if same := got == tt.dir; same != tt.same {
				t.Errorf("socketDir(%q) = %q; want the folder itself: %v", tt.dir, got, tt.same)
			}
			if len(got)+len("/"+socketName) >= 104 { // sun_path of macOS
				t.Errorf("%q is too long for a socket", got)
			}
		})
	}
}

// A folder has one name, however it was reached: its socket depends on it.
func TestResolveThroughLink(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	if err := os.Symlink(parent, parent+".link"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(parent + ".link") })
	got, err := resolve(filepath.Join(parent+".link", "a/b"))
	want, wantErr := filepath.EvalSymlinks(parent)
	if err != nil || wantErr != nil {
		t.Fatal(err, wantErr)
	}
	if want = filepath.Join(want, "a/b"); got != want {
		t.Errorf("resolve = %q, want %q", got, want)
	}
}
