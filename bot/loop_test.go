package bot_test

import (
	"fmt"
	"testing"
	"time"

	"textme/bot"
)

// TestTwoBotsGoQuiet lets bots answer each other until one is silent. The chain
// of scripts is a ring in which every answer names the next keyword, the worst
// case for limits that look at one answer only.
func TestTwoBotsGoQuiet(t *testing.T) {
	t.Parallel()
	ring := "fallback: word0\n"
	for i := range 40 {
		ring += fmt.Sprintf("keywords: word%d\nanswer: next is word%d\n", i, (i+1)%40)
	}
	tests := []struct {
		name   string
		script *bot.Script
		first  string
		limit  int // texts of both together
	}{
		{"default script, opened with its greeting", defaultScript(t), defaultScript(t).Greeting, 12},
		{"default script, opened with a keyword", defaultScript(t), "hours", 12},
		{"every answer asks for another", parse(t, ring), "word0", 60},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var states [2]bot.State
			texts, now := []string{tt.first}, noon
			sent := 0
			for len(texts) > 0 {
				turn := bot.Reply(tt.script, states[sent%2], texts, now)
				states[sent%2] = turn.State
				texts = turn.Replies
				sent += len(texts)
				now = now.Add(2 * time.Second)
				if sent > tt.limit {
					t.Fatalf("still talking after %d texts", sent)
				}
			}
			if sent == 0 {
				t.Error("nothing was said at all")
			}
		})
	}
}

// TestAutoResponder answers everything the bot says with the same text, as a
// phone in holiday mode does, and then goes on by itself.
func TestAutoResponder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       int
	}{
		{"no keyword", "I am driving and will see your message later", 2},
		{"with a keyword", "On holiday. Our office is open again on Monday", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			script := defaultScript(t)
			var state bot.State
			got, now := 0, noon
			for range 500 {
				turn := bot.Reply(script, state, []string{tt.text}, now)
				state = turn.State
				got += len(turn.Replies)
				now = now.Add(time.Minute)
			}
			if got != tt.want {
				t.Errorf("replies to 500 texts = %d, want %d", got, tt.want)
			}
		})
	}
}
