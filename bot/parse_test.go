package bot_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"textme/bot"
)

func TestParseScript(t *testing.T) {
	t.Parallel()
	file := strings.ReplaceAll("\uFEFF"+`# note
Greeting : Hi from {business}
  # not a note

max-repeats: 5
KEYWORDS: Hours, when: exactly,
  Öffnungszeiten
answer:
  9 to 5.

  {business} rests on: Sunday
agent: human
answer: ok
business: Dock & Co
fallback: Write HOURS
max-segments: 3
`, "\n", "\r\n")
	got, err := bot.ParseScript([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := &bot.Script{
		Business: "Dock & Co",
		Greeting: "Hi from Dock & Co\n# not a note",
		Fallback: "Write HOURS",
		Entries: []bot.Entry{
			{Keywords: []string{"Hours", "when: exactly", "Öffnungszeiten"}, Answer: "9 to 5.\nDock & Co rests on: Sunday"},
			{Keywords: []string{"human"}, Answer: "ok", Agent: true},
		},
		MaxSegments: 3, MaxReplies: 1, MaxFallbacks: 2, MaxRepeats: 5,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(bot.Script{})); diff != "" {
		t.Errorf("script (-want +got):\n%s", diff)
	}
}

func TestParseScriptProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, script string
		want         []string
	}{
		{"empty file", "", []string{
			"line 1: fallback is missing: the text for messages without a keyword",
		}},
		{"no fallback", "# shop\nkeywords: a\nanswer: b\n\n\n", []string{
			"line 3: fallback is missing: the text for messages without a keyword",
		}},
		{"empty texts", "greeting:\nkeywords: a\nanswer:   \nfallback:\n", []string{
			"line 1: greeting is empty", "line 3: answer is empty", "line 4: fallback is empty",
		}},
		{"no answer", "keywords: a\nagent: b\nfallback: c\n", []string{
			"line 1: keywords without an answer below", "line 2: agent without an answer below",
		}},
		{"answer out of place", "answer: x\nkeywords: a\nanswer: y\nanswer: z\nfallback: c\n", []string{
			"line 1: answer needs keywords or agent above it",
			"line 4: the keywords of line 2 have an answer already",
		}},
		{"duplicate keyword", "keywords: Café, cafe!\nanswer: x\nagent: CAFÉ\nanswer: y\nfallback: c\n", []string{
			`line 1: keyword "cafe!" stands in line 1 already`, `line 3: keyword "CAFÉ" stands in line 1 already`,
		}},
		{"no keyword", "keywords: , ,\nanswer: x\nagent: 👍\nanswer: y\nfallback: c\n", []string{
			"line 1: keywords names no keyword", `line 3: keyword "👍" has no letter or digit`,
		}},
		{"repeated names", "fallback: a\nfallback: b\nbusiness: x\nbusiness: y\nmax-repeats: 2\nmax-repeats: 2\n", []string{
			"line 2: fallback stands in line 1 already", "line 4: business stands in line 3 already",
			"line 6: max-repeats stands in line 5 already",
		}},
		{"settings out of range", "max-segments: 11\nmax-replies: 0\nmax-fallbacks: two\nmax-repeats: 2\n  3\nfallback: a\n", []string{
			"line 1: max-segments must be a number from 1 to 10", "line 2: max-replies must be a number from 1 to 3",
			"line 3: max-fallbacks must be a number from 0 to 5", "line 4: max-repeats must be a number from 1 to 10",
		}},
		{"placeholders", "fallback: {business} {phone} {} { x }\n", []string{
			"line 1: {phone} is not known; the only placeholder is {business}",
			"line 1: {} is not known; the only placeholder is {business}",
			"line 1: {business} needs a line with the name, as in business: Harbor Bikes",
		}},
		{"empty business", "business:\nfallback: {business} here\n", []string{"line 1: business is empty"}},
		{"control character", "fallback: a\tb\n", []string{"line 1: fallback holds a tab or another control character"}},
		{"not a pair", "hello\n  there\nfallback: a\n", []string{
			`line 1: expected "name: text"; start the line with spaces to continue the text above`,
		}},
		{"too long", "fallback: " + strings.Repeat("a", 307) + "\n", []string{
			"line 1: fallback takes 3 segments, at most 2 are allowed",
		}},
		{"too long for its alphabet", "fallback: “" + strings.Repeat("a", 134) + "\n", []string{
			"line 1: fallback takes 3 segments, at most 2 are allowed; '“' is not in the SMS alphabet, " +
				"which leaves 67 characters to a segment instead of 153",
		}},
		{"too long by its business", "max-segments: 1\nfallback: {business}\nbusiness: " + strings.Repeat("a", 161) + "\n", []string{
			"line 2: fallback takes 2 segments, at most 1 are allowed",
		}},
		{"saved as UTF-16", "\xff\xfef\x00a\x00", []string{"line 1: this is not UTF-8 text; save the file as UTF-8"}},
		{"broken byte", "fallback: a\n# caf\xe9\n", []string{"line 2: this is not UTF-8 text; save the file as UTF-8"}},
		{"too large", strings.Repeat("#", 64<<10) + "\n", []string{"line 1: the file is longer than 64 KiB"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			script, err := bot.ParseScript([]byte(tt.script))
			if script != nil {
				t.Errorf("script = %+v, want none", script)
			}
			var bad *bot.ScriptError
			if !errors.As(err, &bad) {
				t.Fatalf("err = %v, want a *ScriptError", err)
			}
			if diff := cmp.Diff(tt.want, strings.Split(bad.Error(), "\n")); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseScriptUnknownName(t *testing.T) {
	t.Parallel()
	_, err := bot.ParseScript([]byte("fallback: a\nawnser: b\nNote: bring a bike\n"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`line 2: unknown name "awnser"`, `line 3: unknown name "note"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestReservedKeywords(t *testing.T) {
	t.Parallel()
	for _, word := range []string{
		"STOP", "Unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel",
		"start", "yes", "unstop", "help", "info", "stop!", "ＳＴＯＰ",
	} {
		_, err := bot.ParseScript([]byte("keywords: " + word + "\nanswer: x\nfallback: y\n"))
		if err == nil || !strings.Contains(err.Error(), "is reserved") {
			t.Errorf("keyword %q: err = %v, want it reserved", word, err)
		}
	}
	if _, err := bot.ParseScript([]byte("keywords: bus stop, help me\nanswer: x\nfallback: y\n")); err != nil {
		t.Errorf("reserved words within a longer keyword: %v", err)
	}
}

func TestDefault(t *testing.T) {
	t.Parallel()
	script := defaultScript(t)
	if script.Greeting == "" {
		t.Error("no greeting")
	}
	for _, keyword := range []string{"HOURS", "PRICE", "PRICES", "ADDRESS", "WHERE", "BOOK", "AGENT", "HUMAN", "PERSON"} {
		turn := bot.Reply(script, bot.State{}, []string{keyword}, noon)
		if len(turn.Replies) != 1 || turn.Replies[0] == script.Fallback {
			t.Errorf("%s: replies = %q, want an answer of its own", keyword, turn.Replies)
		}
	}
	for _, keyword := range []string{"HOURS", "PRICES", "ADDRESS", "BOOK", "AGENT"} {
		if !strings.Contains(script.Fallback, keyword) {
			t.Errorf("fallback %q does not name %s", script.Fallback, keyword)
		}
	}
}
