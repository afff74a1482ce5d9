package store_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"textme/store"
)

// A dry run names the rows that replaying would change, for good and all, and changes
// none of them.
func TestDryReplay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change string
		want   []store.Difference
	}{
		"nothing":         {`SELECT 1`, nil},
		"a text lost":     {`DELETE FROM messages WHERE index = 1`, []store.Difference{{Table: "messages", Key: string(im(1)), Only: "replay"}}},
		"a receipt back":  {`UPDATE messages SET status = 'sent' WHERE index = 7`, []store.Difference{{Table: "messages", Key: string(im(7)), Columns: []string{"status"}}}},
		"a deletion lost": {`UPDATE messages SET removed_at = NULL`, []store.Difference{{Table: "messages", Key: string(im(6)), Columns: []string{"removed"}}}},
		"nobody vanished": {
			`UPDATE conversations SET participant_sid = '` + string(mb2) + `' WHERE conversation_sid = '` + string(ch2) + `'`,
			[]store.Difference{{Table: "conversations", Key: string(ch2), Columns: []string{"participant_sid"}}},
		},
		"a STOP forgotten": {
			`DELETE FROM opt_outs WHERE heard_by = '` + string(im(4)) + `'`,
			[]store.Difference{{Table: "opt_outs", Key: string(im(4)) + " text 2026-11-22T12:04:00.000004Z", Only: "replay"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.history(uint64(len(name)))
			f.exec(tt.change)
			before := f.projection()
			if diff := cmp.Diff(tt.want, f.wouldReplay(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
			if f.projection() != before {
				t.Error("the live projection has changed")
			}
		})
	}
}

// What somebody else in the conversation said shows as well.
func TestDryReplayOfSomebodyElse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	f.apply(f.event(said(ch1, mb2, bob, 1, "STOP")))
	f.exec(`DELETE FROM opt_outs`) // as a version before would have
	if would := f.wouldReplay(); len(would) == 0 {
		t.Error("that he has opted out is not told")
	}
}

// wouldReplay is what a dry run of every event tells, each difference once.
func (f *fixture) wouldReplay() (all []store.Difference) {
	f.t.Helper()
	ids, err := f.Replayable(f.t.Context(), uuid.Nil, 100)
	must(f.t, err)
	for _, id := range ids {
		_, would, err := f.ReplayEvent(f.t.Context(), id, true)
		must(f.t, err)
		for _, d := range would {
			if !slices.ContainsFunc(all, func(other store.Difference) bool { return cmp.Equal(d, other) }) {
				all = append(all, d)
			}
		}
	}
	return all
}
