package pgembed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const script = "../../scripts/postgres"

// runScript runs scripts/postgres where a server can be found, so that it has
// nothing to install, and returns its last line.
func runScript(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

func TestScriptFindsTheSameServer(t *testing.T) {
	unpacked := t.TempDir()
	if err := os.Symlink(fakeServer(t, "98.1"), filepath.Join(unpacked, "bin")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, env, value string
		major            int // 0: whatever is installed
	}{
		{"as it is", "PGBINDIR", os.Getenv("PGBINDIR"), 0},
		{"PGBINDIR, although old", "PGBINDIR", fakeServer(t, "14.1"), 14},
		{"PGBINDIR, but too old", "PGBINDIR", fakeServer(t, "13.1"), 0},
		{"a newer one in PATH", "PATH", fakeServer(t, "99.1") + ":" + os.Getenv("PATH"), 99},
		{"what it once unpacked", "TEXTME_POSTGRES_DIR", unpacked, 98},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(tt.env, tt.value)
			servers, err := findServers(t.Context(), binDirs(nil))
			if err != nil {
				t.Fatal(err)
			}
			if got := servers[0].major; tt.major != 0 && got != tt.major {
				t.Errorf("we found version %d, want %d", got, tt.major)
			}
			want := fmt.Sprintf("PostgreSQL %d is in %s", servers[0].major, servers[0].dir)
			if got := runScript(t); got != "postgres: "+want {
				t.Errorf("the script says %q, want %q", got, want)
			}
		})
	}
}

// The places that are not on this machine cannot be compared by running it.
func TestScriptLooksInTheSamePlaces(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range binGlobs {
		if !strings.Contains(string(text), " "+g+" ") && !strings.Contains(string(text), "\t"+g+" ") {
			t.Errorf("%s does not look in %s", script, g)
		}
	}
}
