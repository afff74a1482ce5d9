//go:build storm

package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Row D5: a new program takes the place of each of the three releases before it, while
// people live through all there is and calls to Twilio go wrong, so that jobs wait. The
// schema is migrated under the old program's replicas, which serve on; then they are
// replaced one after the other, so that both programs work at once.
func TestStormUpgrade(t *testing.T) {
	releases := releasesBefore(t)
	for _, release := range releases {
		t.Run(release, func(t *testing.T) { upgradeFrom(t, buildRelease(t, release)) })
	}
}

// beforeReleases is the program that is taken for a release until there is one: the
// last before migrations 11 and 12.
const beforeReleases = "ba5533cc24bafc7b1e26494b9a6f2ae3c02252e6"

// releasesBefore are the last three releases, newest first. A shallow clone is given its
// history first; a copy of the source without git has no program of before to build.
func releasesBefore(t *testing.T) []string {
	t.Helper()
	if inGit(t, "rev-parse", "--is-shallow-repository") == "true" {
		inGit(t, "fetch", "--quiet", "--unshallow", "--tags")
	}
	if inGit(t, "rev-parse", "--is-shallow-repository") != "false" {
		t.Fatal("this is no git clone with its history: there is no program of before to build; git fetch --unshallow may get it")
	}
	tags := strings.Fields(inGit(t, "tag", "--list", "v*", "--sort=-version:refname", "--no-contains", "HEAD"))
	if len(tags) == 0 {
		return []string{beforeReleases}
	}
	return tags[:min(len(tags), 3)]
}

// inGit is what git says in this clone, whoever owns it, "" if it fails.
func inGit(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", append([]string{"-c", "safe.directory=*"}, args...)...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// buildRelease returns the program of that commit.
func buildRelease(t *testing.T, commit string) (program string) {
	t.Helper()
	dir := t.TempDir()
	program = filepath.Join(dir, "textme")
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", `
		git -c safe.directory='*' -C ../.. archive --output="$2/source.tar" "$1"
		cd "$2"
		tar -xf source.tar
		go build -buildvcs=false -o textme.built ./cmd/textme
		mv textme.built "$3"`, "sh", commit, dir, program)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the program of %s: %v\n%s", commit, err, out)
	}
	return program
}

// While people live, each step of the upgrade is given some time; they need not wait for
// the last ones. upgraded is how many they are.
const (
	betweenSteps = 3 * time.Second
	upgraded     = 200
)

func upgradeFrom(t *testing.T, program string) {
	t.Helper()
	s := newStormOf(t, program, scenarioSettings)
	s.addSource("landing")
	old := []*replica{s.replicas[0].Load(), s.replicas[1].Load()}
	var people sync.WaitGroup
	people.Go(func() { s.play(scenarios(s.seed, upgraded)) })

	pause(betweenSteps)
	refused := s.refusals()
	s.program = "" // from now on
	s.command("migrate", "up")
	pause(betweenSteps)
	if n := s.refusals() - refused; n > 0 {
		t.Errorf("%d sign-ups were refused while the old program was on the new schema", n)
	}
	var waiting int
	must(t, s.db.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE finalized_at IS NULL`).Scan(&waiting))
	if waiting == 0 {
		t.Error("no job of the old program waits: the test proves nothing")
	}
	for i, r := range old {
		s.start(i) // and whatever comes now, comes to it
		s.end(r)
		pause(betweenSteps)
	}
	people.Wait()
	for _, r := range old {
		if wrong := schemaError.FindString(r.out.String()); wrong != "" {
			t.Errorf("the old program does not get on with the new schema: %s", wrong)
		}
	}
	var job string
	s.each(`SELECT concat_ws(' ', kind, state, errors) FROM river_job WHERE state = 'discarded' OR errors::text ~ 'not registered|unmarshal'`,
		[]any{&job}, func() { t.Errorf("a job is given up or cannot be read: %s", job) })
	t.Logf("%d people lived through it, %d jobs of the old program waited", upgraded, waiting)
}

// schemaError is a line of a log with an error of PostgreSQL's classes 42, of names and
// syntax, or 23, of constraints.
var schemaError = regexp.MustCompile(`.*SQLSTATE (?:42|23).*`)
