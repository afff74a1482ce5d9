package bot_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/bot"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func parse(t *testing.T, script string) *bot.Script {
	t.Helper()
	s, err := bot.ParseScript([]byte(script))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func defaultScript(t testing.TB) *bot.Script {
	t.Helper()
	s, err := bot.Default()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeywordMatch(t *testing.T) {
	t.Parallel()
	script := parse(t, `
keywords: café, what's new
answer: cafe
keywords: PRICE
answer: price
keywords: PRICE LIST
answer: list
keywords: ÖFFNUNGSZEITEN, STRASSE
answer: german
keywords: night
answer: night
agent: agent
answer: agent
fallback: fallback
`)
	tests := []struct{ name, text, want string }{
		{"same case", "PRICE", "price"},
		{"other case", "pRiCe", "price"},
		{"spaces around", "  price \n", "price"},
		{"punctuation", "Price?!", "price"},
		{"in quotes", "“price”", "price"},
		{"in a sentence", "what is the price, please", "price"},
		{"part of a word", "priceless", "fallback"},
		{"glued by underscore", "my_price", "price"},
		{"longest wins", "send me the price list", "list"},
		{"longest wins in any order", "list price", "price"},
		{"words must stand in a row", "price of the list", "price"},
		{"several spaces in a row", "price  -  list", "list"},
		{"accent left out by customer", "cafe", "cafe"},
		{"accent as combining mark", "cafe\u0301", "cafe"},
		{"accent only by customer", "príce", "price"},
		{"umlaut in capitals", "Offnungszeiten", "german"},
		{"sharp s", "Straße", "german"},
		{"apostrophe left out", "whats new", "cafe"},
		{"curly apostrophe", "What’s new?", "cafe"},
		{"full-width letters", "ＰＲＩＣＥ", "price"},
		{"zero-width characters", "pri\u200bce\ufeff", "price"},
		{"broken UTF-8 separates", "\xffprice\xfe", "price"},
		{"NUL separates", "price\x00list", "list"},
		{"human wins among equally long", "night agent", "agent"},
		{"only an emoji", "👍", "fallback"},
		{"nothing", "", "fallback"},
		{"keyword past 1,600 characters", strings.Repeat("x ", 800) + "price", "fallback"},
		{"keyword within 1,600 characters", strings.Repeat("x ", 790) + "price", "price"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := bot.Reply(script, bot.State{}, []string{tt.text}, noon)
			if diff := cmp.Diff([]string{tt.want}, got.Replies); diff != "" {
				t.Errorf("replies to %q (-want +got):\n%s", tt.text, diff)
			}
			if got.HandOver != (tt.want == "agent") {
				t.Errorf("HandOver = %v for %q", got.HandOver, tt.text)
			}
		})
	}
}

func TestReplySeveralAnswers(t *testing.T) {
	t.Parallel()
	script := parse(t, `
max-replies: 2
keywords: one
answer: 1
keywords: two
answer: 2
keywords: three
answer: 3
agent: person
answer: coming
fallback: what?
`)
	tests := []struct {
		name  string
		texts []string
		want  []string
	}{
		{"no texts", nil, nil},
		{"the last two", []string{"one", "two", "three"}, []string{"2", "3"}},
		{"asked twice, answered once, at its last place", []string{"one", "two", "one"}, []string{"2", "1"}},
		{"no fallback beside an answer", []string{"hm", "two", "hm"}, []string{"2"}},
		{"human alone", []string{"one", "person", "two"}, []string{"coming"}},
		{"one fallback for the burst", []string{"hm", "hm", "hm"}, []string{"what?"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := bot.Reply(script, bot.State{}, tt.texts, noon)
			if diff := cmp.Diff(tt.want, got.Replies); diff != "" {
				t.Errorf("replies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReplyWithoutScript(t *testing.T) {
	t.Parallel()
	state := bot.State{Version: 1, Said: 2}
	want := bot.Turn{State: state}
	if diff := cmp.Diff(want, bot.Reply(nil, state, []string{"hi"}, noon)); diff != "" {
		t.Errorf("nil script (-want +got):\n%s", diff)
	}
	if got := bot.Reply(&bot.Script{}, state, []string{"hi"}, noon); len(got.Replies) > 0 || got.Muted {
		t.Errorf("empty script: got %+v, want silence", got)
	}
}

func TestHandOverWhenMuted(t *testing.T) {
	t.Parallel()
	script := defaultScript(t)
	var state bot.State
	for range 3 {
		turn := bot.Reply(script, state, []string{"agent"}, noon)
		if len(turn.Replies) != 1 || !turn.HandOver || turn.Muted {
			t.Fatalf("got %+v, want an answer and a hand-over", turn)
		}
		state = turn.State
	}
	turn := bot.Reply(script, state, []string{"agent"}, noon)
	if len(turn.Replies) != 0 || !turn.HandOver || !turn.Muted {
		t.Errorf("fourth request: got %+v, want a muted hand-over", turn)
	}
}

func TestReplyLeavesStateAlone(t *testing.T) {
	t.Parallel()
	script := defaultScript(t)
	state := bot.Reply(script, bot.State{}, []string{"hours"}, noon).State
	before := state
	first := bot.Reply(script, state, []string{"hours"}, noon)
	second := bot.Reply(script, state, []string{"hours"}, noon)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the same turn twice (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(before, state); diff != "" {
		t.Errorf("state changed (-before +after):\n%s", diff)
	}
}

func TestStateJSON(t *testing.T) {
	t.Parallel()
	state := bot.Reply(defaultScript(t), bot.State{}, []string{"hours"}, noon.Add(5*time.Millisecond)).State
	raw, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"version":1,"answer":"hours","repeats":1,"said":1,"at":"2026-11-23T12:00:00Z"}`
	if string(raw) != want {
		t.Errorf("state = %s, want %s", raw, want)
	}
	var back bot.State
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(state, back); diff != "" {
		t.Errorf("state after a round trip (-want +got):\n%s", diff)
	}
}

func TestStateStartsOver(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, stored string }{
		{"null", `null`},
		{"empty object", `{}`},
		{"older version", `{"version":0,"repeats":3,"fallbacks":9,"said":30}`},
		{"newer version", `{"version":2,"answer":"hours","repeats":3,"fallbacks":9,"said":30}`},
		{"other shape", `{"version":"one","fallbacks":[1]}`},
		{"other type", `["hours"]`},
		{"bad time", `{"version":1,"fallbacks":9,"at":"yesterday"}`},
		{"negative count", `{"version":1,"fallbacks":-9}`},
	}
	script := defaultScript(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			state := bot.State{Version: 1, Fallbacks: 9} // must be overwritten
			if err := json.Unmarshal([]byte(tt.stored), &state); err != nil {
				t.Fatalf("unmarshal: %v", err)
			}
			got := bot.Reply(script, state, []string{"mumble"}, noon)
			want := bot.Reply(script, bot.State{}, []string{"mumble"}, noon)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("turn (-new customer +got):\n%s", diff)
			}
		})
	}
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		got := bot.Reply(script, bot.State{Version: 99, Fallbacks: 9}, []string{"mumble"}, noon)
		if len(got.Replies) != 1 {
			t.Errorf("replies = %q, want the fallback", got.Replies)
		}
	})
}
