package store_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"textme/chat"
	"textme/store"
)

// history applies a conversation's life in any order: texts, keywords, edits,
// a deletion, receipts, and in another conversation its end.
func (f *fixture) history(seed uint64) {
	f.t.Helper()
	f.live(ann, ch1, mb1)
	f.live(bob, ch2, mb2)
	photo := said(ch1, mb1, ann, 8, "")
	photo.Message.Media = json.RawMessage(`[{"Sid":"ME1","service_sid":"IS1"},"?"]`)
	events := []chat.Event{
		f.event(photo),
		f.text(ch1, mb1, ann, 1, "hello"), f.text(ch1, mb1, ann, 2, "STOP"), f.text(ch1, mb1, ann, 3, "START"), f.text(ch1, mb1, ann, 4, "stop"),
		f.text(ch1, mb1, ann, 5, "typo"), f.edit(ch1, 5, 1, "corrected"), f.text(ch1, mb1, ann, 6, "regretted"), f.removal(ch1, 6, "regretted"),
		f.text(ch1, "", "another program", 7, "hi"), f.receipt(ch1, 7, chat.Sent, 0), f.receipt(ch1, 7, chat.Delivered, 0),
		f.text(ch2, mb2, bob, 20, "bye"), f.receipt(ch2, 21, chat.Undelivered, 21610),
		f.event(chat.Event{Key: chat.EventKey("gone"), Type: chat.ParticipantRemoved, SID: ch2, Participant: chat.RemoteParticipant{SID: mb2}, At: noon}),
		f.event(chat.PolledClosed(ch2, noon)),
	}
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for len(events) > 0 {
		n := min(len(events), 1+r.IntN(4))
		f.apply(events[:n]...)
		events = events[n:]
	}
}

// All events again, onto nothing, come to what is there; what was changed by
// anything else shows.
func TestRehearse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change string
		want   []store.Difference
	}{
		"nothing":         {`SELECT 1`, nil},
		"a text altered":  {`UPDATE messages SET body = 'HELLO' WHERE index = 1`, []store.Difference{{Table: "messages", Key: string(im(1)), Columns: []string{"body"}}}},
		"a file altered":  {`UPDATE messages SET media = '[{"Sid":"ME2"},"?"]' WHERE index = 8`, []store.Difference{{Table: "messages", Key: string(im(8)), Columns: []string{"media"}}}},
		"no service kept": {`UPDATE messages SET media = '[{"Sid":"ME1"},"?"]' WHERE index = 8`, nil},
		"an edit undone":  {`UPDATE messages SET body = 'typo', edited_at = NULL WHERE index = 5`, []store.Difference{{Table: "messages", Key: string(im(5)), Columns: []string{"body", "edited"}}}},
		"a text lost":     {`DELETE FROM messages WHERE index = 1`, []store.Difference{{Table: "messages", Key: string(im(1)), Only: "replay"}}},
		"a text made up":  {`UPDATE messages SET message_sid = 'IM' || repeat('f', 32) WHERE index = 6`, []store.Difference{{Table: "messages", Key: string(im(6)), Only: "replay"}, {Table: "messages", Key: "IMffffffffffffffffffffffffffffffff", Only: "live"}}},
		"a receipt back":  {`UPDATE messages SET status = 'sent' WHERE index = 7`, []store.Difference{{Table: "messages", Key: string(im(7)), Columns: []string{"status"}}}},
		"a row reopened":  {`UPDATE conversations SET state = 'pending', closed_at = NULL WHERE conversation_sid = '` + string(ch2) + `'`, []store.Difference{{Table: "conversations", Key: string(ch2), Columns: []string{"closed"}}}},
		"nobody vanished": {`UPDATE conversations SET participant_sid = '` + string(mb2) + `' WHERE conversation_sid = '` + string(ch2) + `'`, []store.Difference{{Table: "conversations", Key: string(ch2), Columns: []string{"participant_sid"}}}},
		"a STOP unheard":  {`UPDATE opt_outs SET cleared_at = now() WHERE heard_by = '` + string(im(4)) + `'`, []store.Difference{{Table: "opt_outs", Key: string(im(4)) + " text 2026-11-22T12:04:00.000004Z", Columns: []string{"cleared_at"}}}},
		"pruned":          {`UPDATE events SET payload = NULL, pruned_at = now() WHERE message_sid <> '` + string(im(1)) + `'`, nil},
		"forgotten":       {`WITH e AS (DELETE FROM events), r AS (UPDATE receipts SET at = at - interval '401 days') UPDATE messages SET created_at = created_at - interval '401 days'`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.history(uint64(len(name)))
			f.exec(tt.change)
			before := f.projection()
			got, err := f.Rehearse(t.Context())
			must(t, err)
			if diff := cmp.Diff(tt.want, got.Differences, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
			if want := one[int](f, `SELECT count(payload) FROM events`); got.Events != want {
				t.Errorf("%d events played, want %d", got.Events, want)
			}
			if f.projection() != before {
				t.Error("the live projection has changed")
			}
		})
	}
}

// What texts say that wait for their row is obeyed, and nothing else of them counts.
func TestReplayOfParkedKeywords(t *testing.T) {
	t.Parallel()
	for _, texts := range [][]string{{"STOP"}, {"START"}, {"STOP", "START"}, {"STOP", "START", "STOP"}} {
		f := newFixture(t)
		f.conversation(ann)
		for i, body := range texts {
			f.apply(f.text(ch1, mb1, ann, i, body))
		}
		must(t, f.AdoptConversation(t.Context(), chat.Adoption{SID: ch1, Participant: chat.RemoteParticipant{SID: mb1, Address: ann, ProxyAddress: sender}}))
		if got, want := one[bool](f, optedOut), texts[len(texts)-1] == "STOP"; got != want {
			t.Errorf("%v: opted out: %t, want %t", texts, got, want)
		}
		f.replaysAlike()
	}
}

// A rehearsal writes nothing, and is not in the way of whoever writes: not of pruning
// an event that it applies.
func TestRehearsalWritesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.history(1)
	f.apply(f.classic(ann, sender, 1, "STOP", ""), f.now(31, "STOP"), f.classic(ann, sender, 2, "hello", ""))
	const versions = `SELECT string_agg(ctid || ' ' || xmax, ', ' ORDER BY id) FROM events`
	before := one[string](f, versions)
	f.replaysAlike()
	if diff := cmp.Diff(before, one[string](f, versions)); diff != "" {
		t.Errorf("events (-before +after):\n%s", diff)
	}
}

// A participant or a conversation was said to be gone and was found again: applied
// once more, what said so does not take it away. Word that it is really gone counts,
// also if it comes so late that it is of before.
func TestReplayOfFalseAlarms(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]chat.Event{
		"participant":  {Type: chat.ParticipantRemoved, Participant: chat.RemoteParticipant{SID: mb1}},
		"closed":       {Type: chat.ConversationStateUpdated, StateTo: string(chat.Closed)},
		"conversation": {Type: chat.ConversationRemoved},
		"closed by us": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			lease := f.lease(f.live(ann, ch1, mb1))
			f.apply(f.event(chat.PolledParticipantRemoved(ch1, mb1, time.Now())))
			f.activate(lease, ch1, mb1)
			f.replaysToTheSame("participant found again")
			for _, e := range []chat.Event{chat.PolledClosed(ch1, time.Now()), chat.PolledRemoved(ch1, time.Now())} {
				f.apply(f.event(e))
				reopened, err := f.Reopen(t.Context(), lease)
				must(t, err)
				if !reopened {
					t.Fatal("not reopened")
				}
				f.replaysToTheSame("reopened")
				f.activate(lease, ch1, mb1)
				f.replaysToTheSame("active again")
			}
			before := f.projection()
			gone.Key, gone.SID, gone.At = chat.EventKey("gone"), ch1, noon
			if gone.Type != "" {
				f.apply(f.event(gone))
			} else {
				must(t, f.CloseConversation(t.Context(), lease, "refused", true))
			}
			if f.projection() == before {
				t.Error("late word changed nothing")
			}
			f.replaysToTheSame("really gone")
		})
	}
}

// replaysToTheSame replays every event in place, and all onto nothing.
func (f *fixture) replaysToTheSame(when string) {
	f.t.Helper()
	before := f.projection()
	ids, err := f.Replayable(f.t.Context(), uuid.Nil, 100)
	must(f.t, err)
	for _, id := range ids {
		_, _, err := f.ReplayEvent(f.t.Context(), id, false)
		must(f.t, err)
	}
	if diff := cmp.Diff(before, f.projection()); diff != "" {
		f.t.Errorf("%s, replayed in place (-before +after):\n%s", when, diff)
	}
	r, err := f.Rehearse(f.t.Context())
	must(f.t, err)
	if len(r.Differences) > 0 {
		f.t.Errorf("%s, replayed onto nothing: %+v", when, r.Differences)
	}
}

// An event that the database refused is taken once it can be; one that was
// applied changes nothing; a dry run says so beforehand.
func TestReplayEvent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	f.live(ann, ch1, mb1)
	clash := f.text(ch1, mb1, ann, 2, "two texts cannot have one index")
	clash.Message.Index = 1
	clash = f.event(clash)
	f.apply(f.text(ch1, mb1, ann, 1, "first"), clash, f.text(ch2, mb2, bob, 3, "whose?"))
	f.apply(f.event(chat.Event{Key: chat.EventKey("odd"), Type: chat.MessageAdded, SID: ch1, Problem: "Index is missing"}))
	const all = `SELECT coalesce(string_agg(concat_ws(' ', index, body), ', ' ORDER BY message_sid), '') FROM messages WHERE direction = 'in'`
	replay := func(dry bool) (outcomes []string) {
		ids, err := f.Replayable(ctx, [16]byte{}, 100)
		must(t, err)
		for _, id := range ids {
			r, _, err := f.ReplayEvent(ctx, id, dry)
			must(t, err)
			outcome := string(r.Applied)
			if r.Error != "" {
				outcome += ": " + r.Error
			}
			outcomes = append(outcomes, outcome)
		}
		return outcomes
	}
	refused := "stored: could not be applied: violates messages_conversation_index"
	if diff := cmp.Diff([]string{"applied", refused, "parked", "stored: Index is missing"}, replay(false)); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	f.exec(`UPDATE messages SET index = 9 WHERE index = 1`)
	want := []string{"applied", "applied", "parked", "stored: Index is missing"}
	if diff := cmp.Diff(want, replay(true)); diff != "" || one[string](f, all) != "9 first" {
		t.Errorf("dry (-want +got):\n%s, texts %s", diff, one[string](f, all))
	}
	if diff := cmp.Diff(want, replay(false)); diff != "" || one[string](f, all) != "9 first, 1 two texts cannot have one index" {
		t.Errorf("for good (-want +got):\n%s, texts %s", diff, one[string](f, all))
	}
	if n := one[int](f, `SELECT count(*) FROM events WHERE error LIKE 'could not%'`); n != 0 {
		t.Errorf("%d events are still refused", n)
	}
	if _, _, err := f.ReplayEvent(ctx, [16]byte{1}, false); err == nil {
		t.Error("an event that is not there was replayed")
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	for i, e := range []chat.Event{
		f.text(ch1, mb1, ann, 1, "one"), f.text(ch1, mb1, ann, 2, "two"), f.receipt(ch1, 3, chat.Sent, 0),
		f.text(ch2, mb2, bob, 4, "whose?"), f.event(chat.Event{Key: chat.EventKey("odd"), Type: chat.MessageAdded, SID: ch1, Problem: "Index is missing"}),
	} {
		f.apply(e)
		f.exec(`UPDATE events SET received_at = now() - make_interval(hours => $1) WHERE key_hash = $2`, 10-i, e.Key[:])
	}
	list := func(q chat.EventQuery) (found []string) {
		q.Limit = 100
		events, err := f.Events(t.Context(), q)
		must(t, err)
		for _, e := range events {
			state := "applied"
			switch {
			case e.Parked():
				state = "parked"
			case e.Error != "":
				state = "failed"
			}
			if e.Payload != nil {
				t.Error("a payload is listed")
			}
			found = append(found, e.Type+" "+e.Message[max(0, len(e.Message)-1):]+" "+state)
		}
		return found
	}
	const added = chat.MessageAdded
	tests := map[string]struct {
		query chat.EventQuery
		want  []string
	}{
		"all":             {chat.EventQuery{}, []string{added + "  failed", added + " 4 parked", chat.DeliveryUpdated + " 3 applied", added + " 2 applied", added + " 1 applied"}},
		"a conversation":  {chat.EventQuery{SID: ch2}, []string{added + " 4 parked"}},
		"a type":          {chat.EventQuery{Type: chat.DeliveryUpdated}, []string{chat.DeliveryUpdated + " 3 applied"}},
		"parked":          {chat.EventQuery{Parked: true}, []string{added + " 4 parked"}},
		"failed":          {chat.EventQuery{Failed: true}, []string{added + "  failed"}},
		"since":           {chat.EventQuery{Since: time.Now().Add(-7*time.Hour - time.Minute)}, []string{added + "  failed", added + " 4 parked"}},
		"of another type": {chat.EventQuery{Type: chat.MessageRemoved}, nil},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, list(tt.query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	first, err := f.Events(t.Context(), chat.EventQuery{Limit: 3})
	must(t, err)
	if diff := cmp.Diff([]string{added + " 2 applied", added + " 1 applied"}, list(chat.EventQuery{Before: first[2].ID})); diff != "" {
		t.Errorf("second page (-want +got):\n%s", diff)
	}
	if e, err := f.Event(t.Context(), first[0].ID); err != nil || e.Payload == nil || e.Error != "Index is missing" {
		t.Errorf("one event: %+v, %v", e, err)
	}
}
