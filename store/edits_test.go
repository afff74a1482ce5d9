package store_test

import (
	"slices"
	"testing"
	"time"

	"textme/chat"
)

// inEveryOrder lists the orders in which events may come.
func inEveryOrder(events ...chat.Event) (orders [][]chat.Event) {
	if len(events) == 0 {
		return [][]chat.Event{nil}
	}
	for i, first := range events {
		for _, rest := range inEveryOrder(slices.Delete(slices.Clone(events), i, i+1)...) {
			orders = append(orders, append([]chat.Event{first}, rest...))
		}
	}
	return orders
}

// A removal says that a text is gone: what it tells of the body, or leaves out, is no
// edit, in whatever order that is told.
func TestRemovalIsNoEdit(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"no body": "", "the body": "corrected", "another body": "(deleted)"} {
		for want, told := range map[string]func(*fixture) []chat.Event{
			"typo f t": func(f *fixture) []chat.Event { return []chat.Event{f.text(ch1, mb1, ann, 1, "typo")} },
			"corrected t t": func(f *fixture) []chat.Event {
				return []chat.Event{f.text(ch1, mb1, ann, 1, "typo"), f.edit(ch1, 1, 1, "corrected")}
			},
		} {
			t.Run(name+", "+want, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				f.live(ann, ch1, mb1)
				removal := f.removal(ch1, 1, body)
				removal.Message.UpdatedAt = noon.Add(time.Hour)
				for _, order := range inEveryOrder(append(told(f), f.event(removal))...) {
					if got := f.reads(order); got != want {
						t.Errorf("%s first: it reads %q, want %q", order[0].Type, got, want)
					}
				}
			})
		}
	}
}

// Of edits within a second, which webhooks tell in milliseconds and Twilio's API in
// whole seconds, the one found by asking when that was over is the last, in whatever
// order they are told.
func TestEditsWithinASecond(t *testing.T) {
	t.Parallel()
	past, now := noon.Add(10*time.Minute), time.Now().Add(time.Hour).Truncate(time.Second) // not over before the test is
	for name, tt := range map[string]struct {
		found, told time.Time
		want        string
	}{
		"in its second":             {past, past.Add(999 * time.Millisecond), "found"},
		"in the next":               {past, past.Add(time.Second), "told"},
		"the second is not over":    {now, now.Add(200 * time.Millisecond), "told"},
		"told in the second before": {past, past.Add(-time.Millisecond), "found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.live(ann, ch1, mb1)
			text, told := f.text(ch1, mb1, ann, 1, "first"), f.edit(ch1, 1, 9, "told")
			told.Message.UpdatedAt = tt.told
			found := text.Message
			found.Body, found.UpdatedAt = "found", tt.found
			for _, order := range inEveryOrder(text, f.event(told), f.found(found)) {
				if got := f.reads(order); got != tt.want+" t f" {
					t.Errorf("%s by %s first: it reads %q, want %q", order[0].Type, order[0].Via, got, tt.want+" t f")
				}
			}
		})
	}
}

// reads is what the first text reads once the events are applied, whether it was edited
// and whether it was removed. A replay comes to the same.
func (f *fixture) reads(events []chat.Event) string {
	f.t.Helper()
	f.exec(`DELETE FROM events`)
	f.exec(`DELETE FROM messages WHERE index = 1`)
	for _, e := range events {
		f.apply(e)
	}
	f.replaysAlike()
	return one[string](f, `SELECT concat_ws(' ', body, edited_at IS NOT NULL, removed_at IS NOT NULL) FROM messages WHERE index = 1`)
}
