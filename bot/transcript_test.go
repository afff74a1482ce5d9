package bot_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/bot"
)

// Transcripts in testdata are written by hand and read top down:
//
//	# a note
//	== script NAME      use testdata/scripts/NAME.txt; first line, else the default
//	> text              the customer writes; several in a row are one burst
//	< text              the bot answers; a turn without one is silence
//	  text              the text above goes on, on a new line
//	== agent            the turn hands over to a human
//	== muted            a limit held an answer back
//	== 6h later         time passes before the next turn
//
// Blank lines separate turns.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("transcripts: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := string(raw)
			got, err := replay(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("transcript (-written +played):\n%s", diff)
			}
		})
	}
}

// TestReplayNotices shows that a transcript which differs from what the bot
// does is noticed.
func TestReplayNotices(t *testing.T) {
	t.Parallel()
	const right = "> hours\n< Harbor Bikes is open Mon-Fri 9-6 and Sat 10-4. Sundays we ride.\n\n> agent please\n" +
		"< Sure. Someone from Harbor Bikes will write back here as soon as they can.\n== agent\n"
	tests := []struct {
		name, transcript string
		same             bool
	}{
		{"right", right, true},
		{"other answer", strings.Replace(right, "9-6", "9-7", 1), false},
		{"answer missing", "> hours\n", false},
		{"answer too many", right + "\n< Anything else?\n", false},
		{"hand-over missing", strings.Replace(right, "== agent\n", "", 1), false},
		{"hand-over too many", "> hours\n< Harbor Bikes is open Mon-Fri 9-6 and Sat 10-4. Sundays we ride.\n== agent\n", false},
		{"muted too many", right + "== muted\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := replay(tt.transcript)
			if err != nil {
				t.Fatal(err)
			}
			if same := got == tt.transcript; same != tt.same {
				t.Errorf("played back the same = %v, want %v; played:\n%s", same, tt.same, got)
			}
		})
	}
	for _, transcript := range []string{"hello\n", "  hello\n", "== soon later\n", "== script nowhere\n"} {
		if got, err := replay(transcript); err == nil {
			t.Errorf("replay(%q) = %q, want an error", transcript, got)
		}
	}
}

// replay plays the customer's side of a transcript to the bot and writes down
// what really happens, in the same form and with the same notes and blanks.
func replay(transcript string) (string, error) {
	script, err := bot.Default()
	if err != nil {
		return "", err
	}
	var (
		out   strings.Builder
		state bot.State
		burst []string
		now   = noon
	)
	answer := func() {
		if len(burst) == 0 {
			return
		}
		turn := bot.Reply(script, state, burst, now)
		for _, reply := range turn.Replies {
			fmt.Fprintf(&out, "< %s\n", strings.ReplaceAll(reply, "\n", "\n  "))
		}
		if turn.HandOver {
			out.WriteString("== agent\n")
		}
		if turn.Muted {
			out.WriteString("== muted\n")
		}
		state, burst, now = turn.State, nil, now.Add(time.Minute)
	}
	fromBot := false
	for line := range strings.Lines(transcript) {
		text := strings.TrimSuffix(line, "\n")
		switch directive, isDirective := strings.CutPrefix(text, "== "); {
		case text == "" || text[0] == '#':
			answer()
			out.WriteString(line)
		case strings.HasPrefix(text, "> "):
			burst, fromBot = append(burst, text[2:]), false
			out.WriteString(line)
		case strings.HasPrefix(text, "< "):
			fromBot = true // what was expected; answer writes what came
		case strings.HasPrefix(text, "  ") && fromBot:
		case strings.HasPrefix(text, "  ") && len(burst) > 0:
			burst[len(burst)-1] += "\n" + text[2:]
			out.WriteString(line)
		case directive == "agent", directive == "muted":
		case isDirective && strings.HasPrefix(directive, "script "):
			name := strings.TrimPrefix(directive, "script ")
			raw, err := os.ReadFile(filepath.Join("testdata", "scripts", name+".txt"))
			if err != nil {
				return "", err
			}
			if script, err = bot.ParseScript(raw); err != nil {
				return "", err
			}
			out.WriteString(line)
		case isDirective && strings.HasSuffix(directive, " later"):
			d, err := time.ParseDuration(strings.TrimSuffix(directive, " later"))
			if err != nil {
				return "", err
			}
			answer()
			now = now.Add(d)
			out.WriteString(line)
		default:
			return "", fmt.Errorf("transcript line %q is none of the known forms", text)
		}
	}
	answer()
	return out.String(), nil
}
