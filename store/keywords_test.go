package store_test

import (
	"testing"
	"time"

	"textme/chat"
)

// found is an event for a message that polling found.
func (f *fixture) found(m chat.RemoteMessage) chat.Event {
	e := f.event(chat.PolledMessage(ch1, m))
	e.Via = chat.ViaPoll
	return e
}

// What a text said counts, also where its edit, or a poll that saw the edit,
// comes first. An edit may add a STOP and never a START.
func TestKeywordsOfEditedTexts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before, said, reads string
		out                 bool
	}{
		"a STOP taken out":    {"", "STOP", "(redacted)", true},
		"a STOP put in":       {"", "hello", "STOP", true},
		"a START taken out":   {"STOP", "START", "(redacted)", false},
		"a START put in":      {"STOP", "hello", "START", true},
		"a STOP made a START": {"", "STOP", "START", true},
		"no keyword":          {"STOP", "hello", "hello there", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for order, of := range map[string]func(f *fixture, text, edit chat.Event) []chat.Event{
				"in order":               func(_ *fixture, text, edit chat.Event) []chat.Event { return []chat.Event{text, edit} },
				"edit first":             func(_ *fixture, text, edit chat.Event) []chat.Event { return []chat.Event{edit, text} },
				"poll of the edit first": func(f *fixture, text, edit chat.Event) []chat.Event { return []chat.Event{f.found(edit.Message), text} },
				"poll of the edit last":  func(f *fixture, text, edit chat.Event) []chat.Event { return []chat.Event{text, f.found(edit.Message)} },
			} {
				f := newFixture(t)
				f.live(ann, ch1, mb1)
				f.apply(f.text(ch1, mb1, ann, 1, tt.before))
				for _, e := range of(f, f.text(ch1, mb1, ann, 2, tt.said), f.edit(ch1, 2, 1, tt.reads)) {
					f.apply(e)
				}
				if got := one[bool](f, optedOut); got != tt.out {
					t.Errorf("%s: opted out: %t, want %t", order, got, tt.out)
				}
				if got := one[string](f, `SELECT concat_ws(' ', body, edited_at IS NOT NULL) FROM messages WHERE index = 2`); got != tt.reads+" t" {
					t.Errorf("%s: the transcript has %q, want it as edited", order, got)
				}
				f.replaysAlike()
			}
		})
	}
}

// Only the person lifts their own STOP: not a text that a program posts in
// their name, nor one that has been edited before anybody saw it.
func TestOnlyThePersonSaysStart(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(m *chat.RemoteMessage)
		polled bool
		out    bool // still opted out
	}{
		"by phone":                        {func(*chat.RemoteMessage) {}, false, false},
		"by a program":                    {func(m *chat.RemoteMessage) { m.ByProgram = true }, false, true},
		"found by asking":                 {func(*chat.RemoteMessage) {}, true, false},
		"found, of an earlier membership": {func(m *chat.RemoteMessage) { m.Participant = mb2 }, true, false},
		"found, of no participant":        {func(m *chat.RemoteMessage) { m.Participant = "" }, true, true},
		"found edited":                    {func(m *chat.RemoteMessage) { m.UpdatedAt = m.At.Add(time.Second) }, true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.live(ann, ch1, mb1)
			for n, word := range []string{"STOP", "START"} {
				e := said(ch1, mb1, ann, n+1, word)
				tt.change(&e.Message)
				if e = f.event(e); tt.polled {
					e = f.found(e.Message)
				}
				f.apply(e)
				if got, want := one[bool](f, optedOut), word == "STOP" || tt.out; got != want {
					t.Errorf("after %s she is opted out: %t, want %t", word, got, want)
				}
			}
			f.replaysAlike()
		})
	}
}
