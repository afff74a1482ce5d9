package bot_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"textme/bot"
)

// FuzzReply holds ten turns with what a customer writes: lines are the texts of
// a burst, and state starts as whatever was stored.
func FuzzReply(f *testing.F) {
	script := defaultScript(f)
	sayable := []string{script.Fallback}
	for _, e := range script.Entries {
		sayable = append(sayable, e.Answer)
	}
	f.Add("hours\nagent", []byte(`{}`))
	f.Add("I'd like a real person\x00\xff", []byte(`{"version":1,"fallbacks":2,"at":"2026-11-23T12:00:00Z"}`))
	f.Add("ＰＲＩＣＥ 👍 cafe\u0301", []byte(`{"version":7}`))
	f.Fuzz(func(t *testing.T, burst string, stored []byte) {
		var state bot.State
		if err := state.UnmarshalJSON(stored); err != nil {
			t.Fatalf("stored state: %v", err)
		}
		said := 0
		for i := range 10 {
			turn := bot.Reply(script, state, strings.Split(burst, "\n"), noon.Add(time.Duration(i)*time.Second))
			if len(turn.Replies) > script.MaxReplies {
				t.Fatalf("%d replies, at most %d are allowed", len(turn.Replies), script.MaxReplies)
			}
			for _, reply := range turn.Replies {
				if !slices.Contains(sayable, reply) {
					t.Fatalf("reply %q is not in the script", reply)
				}
			}
			if turn.Muted == (len(turn.Replies) > 0) {
				t.Fatalf("muted = %v with replies %q", turn.Muted, turn.Replies)
			}
			said += len(turn.Replies)
			state = turn.State
		}
		if limit := 2 * max(script.MaxRepeats, script.MaxFallbacks); said > limit {
			t.Fatalf("%d replies to ten times the same burst, want at most %d", said, limit)
		}
	})
}

// FuzzParseScript checks that what parses can be used and keeps its limits, and
// that what does not parse says where.
func FuzzParseScript(f *testing.F) {
	f.Add([]byte("business: B\nkeywords: a, b\nanswer: {business}\nfallback: f\n"))
	f.Add([]byte("agent: x\nanswer:\n  y\n  z\nmax-segments: 9\nfallback: f\n"))
	f.Add([]byte("answer: x\nanswer: y\n: z\n  w\nkeywords: stop\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		script, err := bot.ParseScript(file)
		if err != nil {
			var bad *bot.ScriptError
			if !errors.As(err, &bad) || len(bad.Problems) == 0 || !slices.IsSortedFunc(bad.Problems, func(a, b bot.Problem) int {
				return a.Line - b.Line
			}) || bad.Problems[0].Line < 1 {
				t.Fatalf("err = %#v, want problems in the order of their lines", err)
			}
			return
		}
		texts := []string{script.Fallback}
		for _, e := range script.Entries {
			texts = append(texts, e.Answer)
			for _, keyword := range e.Keywords {
				turn := bot.Reply(script, bot.State{}, []string{keyword}, noon)
				if utf8.RuneCountInString(keyword) < 1600 && (len(turn.Replies) != 1 || turn.Replies[0] != e.Answer) {
					t.Fatalf("keyword %q: replies = %q, want %q", keyword, turn.Replies, e.Answer)
				}
			}
		}
		for _, text := range texts {
			if count, _ := bot.Segments(text); count < 1 || count > script.MaxSegments {
				t.Fatalf("text of %d segments, want 1 to %d", count, script.MaxSegments)
			}
		}
	})
}
