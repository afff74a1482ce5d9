package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// TestReadmeSettings compares the README's table with the flags of serve and
// dev. When it fails it prints the table to put there.
func TestReadmeSettings(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- settings -->\n", "<!-- /settings -->"
	_, rest, found := strings.Cut(string(readme), begin)
	got, _, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("README.md has no table between %q and %q", begin, end)
	}
	want := settingsTable(t)
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("README.md and the flags differ (-want +got):\n%s\nPut this between the markers:\n%s", diff, want)
	}
}

var required = regexp.MustCompile(`(?m)^\t(\S+) (v\S+)$`) // without "// indirect"

// TestContributingNamesDependencies finds a module of go.mod that the table of
// dependencies lacks, or has in another version.
func TestContributingNamesDependencies(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	contributing, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	found := required.FindAllStringSubmatch(string(mod), -1)
	if len(found) == 0 {
		t.Error("go.mod requires nothing")
	}
	for _, r := range found {
		if row := "| `" + r[1] + "` | " + r[2] + " | "; !strings.Contains(string(contributing), row) {
			t.Errorf("CONTRIBUTING.md has no row %s…", row)
		}
	}
}

var assignment = regexp.MustCompile(`(?m)^#?([A-Z_]+)=`)

// TestEnvExampleNamesSettings finds misspelt settings in .env.example.
func TestEnvExampleNamesSettings(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"POSTGRES_PASSWORD": true} // compose.yaml's
	for _, flag := range flagsOf(t, parser, "serve") {
		known[variable(flag.Name)] = true
	}
	found := assignment.FindAllStringSubmatch(string(example), -1)
	if len(found) == 0 {
		t.Error(".env.example names no setting at all")
	}
	for _, name := range found {
		if !known[name[1]] {
			t.Errorf(".env.example: %s is no setting of serve", name[1])
		}
	}
}

// settingsTable writes the settings of serve, and those that dev has besides,
// as a table.
func settingsTable(t *testing.T) string {
	t.Helper()
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| setting | default | meaning |\n|---|---|---|\n")
	seen := map[string]bool{"help": true}
	for _, command := range []string{"serve", "dev"} {
		for _, flag := range flagsOf(t, parser, command) {
			if seen[flag.Name] {
				continue
			}
			seen[flag.Name] = true
			table.WriteString(settingsRow(flag, command == "dev"))
		}
	}
	return table.String()
}

func flagsOf(t *testing.T, parser *kong.Kong, command string) []*kong.Flag {
	t.Helper()
	for _, node := range parser.Model.Children {
		if node.Name == command {
			return node.Flags
		}
	}
	t.Fatalf("there is no command %s", command)
	return nil
}

func settingsRow(flag *kong.Flag, devOnly bool) string {
	name := "`" + variable(flag.Name) + "`"
	if flag.Tag.Has("secret") {
		name += ", `…_FILE`"
	}
	meaning := strings.ReplaceAll(flag.Help, "|", `\|`)
	if devOnly {
		meaning += " (`dev` only)"
	}
	preset := flag.Default
	if preset != "" {
		preset = "`" + preset + "`"
	}
	return "| " + name + " | " + preset + " | " + meaning + " |\n"
}
