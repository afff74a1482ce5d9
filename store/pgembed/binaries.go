package pgembed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// MinMajor is the oldest major version of PostgreSQL that Start accepts. Older
// ones get no fixes any more (https://www.postgresql.org/support/versioning/).
const MinMajor = 14

// ErrNoServer says that the machine has no PostgreSQL server we could run, and
// what to type about it.
var ErrNoServer = errors.New("no PostgreSQL server (14 or newer) is installed: " +
	"type `make postgres`, or `apt-get install postgresql`, or set DATABASE_URL")

// ErrOtherVersion says that the data was made by a major version of PostgreSQL
// that is not installed. PostgreSQL reads only its own; the data is left alone.
var ErrOtherVersion = errors.New("the data needs another version of PostgreSQL")

// installation is a folder with the programs of one PostgreSQL version.
type installation struct {
	dir       string
	major     int
	preferred bool // the one in $PGBINDIR, which beats newer ones
}

// binGlobs is where packages put servers that are not in PATH.
// scripts/postgres looks in the same places.
var binGlobs = []string{
	"/var/lib/textme/postgres/bin", // scripts/postgres, run by root
	"/usr/lib/postgresql/*/bin",    // Debian, Ubuntu
	"/usr/pgsql-*/bin",             // PostgreSQL's own RPMs
	"/usr/libexec/postgresql*",     // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin", // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// binDirs lists the folders to look in, besides $PGBINDIR.
func binDirs(extra []string) []string {
	dirs := slices.Clone(extra)
	if dir, err := unpackedDir(); err == nil {
		dirs = append(dirs, filepath.Join(dir, "bin"))
	}
	for _, g := range binGlobs {
		found, _ := filepath.Glob(g) // its only error is a bad pattern
		dirs = append(dirs, found...)
	}
	if p, err := exec.LookPath("postgres"); err == nil { // Fedora, Arch, Nix
		dirs = append(dirs, filepath.Dir(p))
	}
	return dirs
}

// findServers returns the usable installations in $PGBINDIR and dirs, the best
// first: $PGBINDIR's, then the newest. It returns ErrNoServer if there is none.
func findServers(ctx context.Context, dirs []string) ([]installation, error) {
	var found []installation
	if dir := os.Getenv("PGBINDIR"); dir != "" {
		if major := serverMajor(ctx, dir); major >= MinMajor {
			found = append(found, installation{dir, major, true})
		}
	}
	for _, dir := range dirs {
		if major := serverMajor(ctx, dir); major >= MinMajor {
			found = append(found, installation{dir, major, false})
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if len(found) == 0 {
		return nil, ErrNoServer
	}
	slices.SortStableFunc(found, func(a, b installation) int {
		switch {
		case a.preferred != b.preferred && a.preferred:
			return -1
		case a.preferred != b.preferred:
			return 1
		}
		return b.major - a.major
	})
	return found, nil
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// serverMajor asks the server in dir for its major version; 0 means that there
// is none that runs.
func serverMajor(ctx context.Context, dir string) int {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil { //nolint:gosec // where to look is a setting
		return 0
	}
	out, err := identity{}.command(ctx, filepath.Join(dir, "postgres"), "-V").Output()
	if err != nil {
		return 0
	}
	m := versionLine.FindSubmatch(out) // "postgres (PostgreSQL) 15.18 (Debian …)"
	if m == nil {
		return 0
	}
	major, _ := strconv.Atoi(string(m[1])) // digits by the expression
	return major
}

// chooseServer returns the best installation for data of the given major
// version, 0 for any.
func chooseServer(servers []installation, major int) (installation, error) {
	var have []string
	for _, s := range servers {
		if major == 0 || s.major == major {
			return s, nil
		}
		have = append(have, fmt.Sprintf("%d in %s", s.major, s.dir))
	}
	return installation{}, fmt.Errorf("%w: %d, and installed is %q; install PostgreSQL %d, "+
		"or move the folder away to begin with an empty database", ErrOtherVersion, major, have, major)
}
