package pgembed

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeServer makes an installation that answers -V with the given version
// (TestMain does), and returns its folder.
func fakeServer(t *testing.T, version string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), version)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(dir, "postgres")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "initdb"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFindServers(t *testing.T) {
	tests := []struct {
		name     string
		pgbindir string   // version in $PGBINDIR
		versions []string // elsewhere
		want     []int
	}{
		{"newest first", "", []string{"14.1", "18.4 (build)", "16.2"}, []int{18, 16, 14}},
		{"what is coming", "", []string{"19beta1", "20devel"}, []int{20, 19}},
		{"too old", "", []string{"13.22", "9.6.24", "15.1"}, []int{15}},
		{"not a server", "", []string{"something else", "15.1"}, []int{15}},
		{"PGBINDIR beats newer ones", "14.1", []string{"18.4", "16.2"}, []int{14, 18, 16}},
		{"PGBINDIR is too old", "13.1", []string{"16.2"}, []int{16}},
		{"only too old ones", "", []string{"13.22"}, nil},
		{"none", "", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("PGBINDIR", "")
			if tt.pgbindir != "" {
				t.Setenv("PGBINDIR", fakeServer(t, tt.pgbindir))
			}
			var dirs []string
			for _, v := range tt.versions {
				dirs = append(dirs, fakeServer(t, v))
			}
			found, err := findServers(t.Context(), dirs)
			if errors.Is(err, ErrNoServer) != (tt.want == nil) {
				t.Errorf("findServers: %v", err)
			}
			var got []int
			for _, s := range found {
				got = append(got, s.major)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindServersNeedsInitdb(t *testing.T) {
	t.Setenv("PGBINDIR", "")
	dir := fakeServer(t, "16.2")
	if err := os.Remove(filepath.Join(dir, "initdb")); err != nil {
		t.Fatal(err)
	}
	if found, err := findServers(t.Context(), []string{dir}); !errors.Is(err, ErrNoServer) {
		t.Errorf("findServers = %v, %v; want ErrNoServer", found, err)
	}
}

func TestErrNoServerSaysWhatToType(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"make postgres", "apt-get install postgresql", "DATABASE_URL"} {
		if !strings.Contains(ErrNoServer.Error(), way) {
			t.Errorf("%q is missing in %q", way, ErrNoServer)
		}
	}
}

func TestBinDirs(t *testing.T) {
	unpacked, inPath := t.TempDir(), fakeServer(t, "16.2")
	t.Setenv("TEXTME_POSTGRES_DIR", unpacked)
	t.Setenv("PATH", inPath)
	dirs := binDirs([]string{"/extra"})
	got := []string{dirs[0], dirs[1], dirs[len(dirs)-1]}
	want := []string{"/extra", filepath.Join(unpacked, "bin"), inPath}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

func TestChooseServer(t *testing.T) {
	t.Parallel()
	servers := []installation{{dir: "/a", major: 18}, {dir: "/b", major: 15}, {dir: "/c", major: 15}}
	tests := []struct {
		name  string
		major int
		want  string // folder, "" for ErrOtherVersion
	}{
		{"no data yet: the best", 0, "/a"},
		{"data of an older version: the first of that", 15, "/b"},
		{"data of a version that is not installed", 17, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := chooseServer(servers, tt.major)
			if got.dir != tt.want || errors.Is(err, ErrOtherVersion) != (tt.want == "") {
				t.Errorf("chooseServer(%d) = %v, %v; want %q", tt.major, got, err, tt.want)
			}
		})
	}
}
