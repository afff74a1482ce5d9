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
					f.exec(`DELETE FROM events`)
					f.exec(`DELETE FROM messages WHERE index = 1`)
					for _, e := range order {
						f.apply(e)
					}
					if got := one[string](f, `SELECT concat_ws(' ', body, edited_at IS NOT NULL, removed_at IS NOT NULL) FROM messages WHERE index = 1`); got != want {
						t.Errorf("%s first: it reads %q, want %q", order[0].Type, got, want)
					}
					f.replaysAlike()
				}
			})
		}
	}
}
