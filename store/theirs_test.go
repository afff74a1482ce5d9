package store_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"textme/chat"
)

const (
	mb3 = chat.ParticipantSID("MB33333333333333333333333333333333")
	mb4 = chat.ParticipantSID("MB44444444444444444444444444444444")
)

// receiptOf is an event for a receipt of the n-th message, about that participant.
func (f *fixture) receiptOf(mb chat.ParticipantSID, n int, status chat.Status, code int) chat.Event {
	e := f.receipt(ch1, n, status, code)
	e.Receipt.Participant, e.Receipt.SID = mb, "DY"+string(mb[2:])
	e.Key = chat.EventKey(e.Type, e.Receipt.SID, string(status))
	return f.event(e)
}

// participant is an event of that type about somebody in the conversation.
func (f *fixture) participant(typ string, mb chat.ParticipantSID, phone chat.Phone) chat.Event {
	p := chat.RemoteParticipant{SID: mb, Address: phone, ProxyAddress: sender}
	return f.event(chat.Event{Key: chat.EventKey(typ, string(mb)), Type: typ, SID: ch1, Participant: p, At: noon})
}

// delivery is what the first text came to, and how many opt-outs there are. A replay
// comes to the same.
func (f *fixture) delivery() string {
	f.t.Helper()
	f.replaysAlike()
	return one[string](f, `SELECT concat_ws(' ', status, error_code, (SELECT count(*) FROM opt_outs)) FROM messages WHERE index = 0`)
}

// Of two receipts of one recipient, whichever is told of first, the further counts, and a
// failure is the furthest.
func TestReceiptsOfOneRecipient(t *testing.T) {
	t.Parallel()
	code := map[chat.Status]int{chat.Undelivered: 30003, chat.FailedSend: 30008}
	order := []chat.Status{chat.Sent, chat.Delivered, chat.Read, chat.Undelivered, chat.FailedSend}
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	n := 0
	for i, first := range order {
		for j, then := range order {
			f.apply(f.text(ch1, "", "bot", n, "hi"))
			for _, status := range []chat.Status{first, then} {
				f.apply(f.receipt(ch1, n, status, code[status]))
			}
			further := order[max(i, j)]
			got := one[string](f, `SELECT concat_ws(' ', status, error_code) FROM messages WHERE index = $1`, n)
			if want := fmt.Sprint(further, " ", code[further]); got != want {
				t.Errorf("%s and then %s: the text is %s, want %s", first, then, got, want)
			}
			n++
		}
	}
	f.replaysAlike()
}

// What Twilio says of somebody else, whom another program has added, says nothing about
// our customer, in whatever order it comes. It is kept.
func TestReceiptsOfSomebodyElse(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]func(*fixture) chat.Event{
		"added":     func(f *fixture) chat.Event { return f.participant(chat.ParticipantAdded, mb2, bob) },
		"taken out": func(f *fixture) chat.Event { return f.participant(chat.ParticipantRemoved, mb2, bob) },
		"unknown":   func(f *fixture) chat.Event { return f.text(ch1, mb1, ann, 1, "hello") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.live(ann, ch1, mb1)
			events := []chat.Event{
				f.text(ch1, "", "bot", 0, "hi"), told(f),
				f.receiptOf(mb1, 0, chat.Delivered, 0), f.receiptOf(mb2, 0, chat.Undelivered, 21610),
			}
			for _, order := range inEveryOrder(events...) {
				f.exec(`WITH e AS (DELETE FROM events), r AS (DELETE FROM receipts), o AS (DELETE FROM opt_outs) DELETE FROM messages WHERE index >= 0`)
				for _, e := range order {
					f.apply(e)
				}
				if got := f.delivery(); got != "delivered 0 0" {
					t.Errorf("%s first: her text is %q, want delivered and no opt-out", order[0].Type, got)
				}
				if n := one[int](f, `SELECT count(*) FROM receipts`); n != 2 {
					t.Errorf("%d receipts are kept, want 2", n)
				}
			}
		})
	}
}

// While our customer is out of the conversation, a participant is the customer once
// that is told, or once the row has it.
func TestReceiptsWithoutParticipant(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		told func(*fixture) chat.Event
		want string
	}{
		"somebody else":              {func(f *fixture) chat.Event { return f.participant(chat.ParticipantAdded, mb2, bob) }, "accepted 0 0"},
		"the customer":               {func(f *fixture) chat.Event { return f.participant(chat.ParticipantAdded, mb2, ann) }, "undelivered 21610 1"},
		"the customer as she was":    {func(f *fixture) chat.Event { return f.participant(chat.ParticipantRemoved, mb2, ann) }, "undelivered 21610 1"},
		"somebody else as they were": {func(f *fixture) chat.Event { return f.participant(chat.ParticipantRemoved, mb2, bob) }, "accepted 0 0"},
	} {
		for order := range 6 {
			f := newFixture(t)
			lease := f.lease(f.live(ann, ch1, mb1))
			f.apply(f.event(chat.PolledParticipantRemoved(ch1, mb1, time.Now())))
			events := inEveryOrder(tt.told(f), f.receiptOf(mb2, 0, chat.Undelivered, 21610), f.text(ch1, "", "bot", 0, "hi"))[order]
			for _, e := range events {
				f.apply(e)
			}
			if got := f.delivery(); got != tt.want {
				t.Errorf("%s, %s and then %s: the text is %q, want %q", name, events[0].Type, events[1].Type, got, tt.want)
			}
			f.apply(f.receiptOf(mb3, 0, chat.FailedSend, 21610))
			if got := f.delivery(); got != tt.want {
				t.Errorf("%s: with the receipt of an unknown participant the text is %q, want %q", name, got, tt.want)
			}
			f.activate(lease, ch1, mb3)
			if got := f.delivery(); got != "failed 21610 1" {
				t.Errorf("%s: when the row has that participant the text is %q, want failed and one opt-out", name, got)
			}
		}
	}
}

// Whoever is taken out and added again has another participant; what Twilio says of
// either is about them, whichever the row has by then.
func TestReceiptsOfAFormerParticipant(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]func(*fixture) chat.Event{
		"told":  func(f *fixture) chat.Event { return f.participant(chat.ParticipantRemoved, mb1, ann) },
		"found": func(f *fixture) chat.Event { return f.event(chat.PolledParticipantRemoved(ch1, mb1, time.Now())) },
	} {
		for _, pruned := range []bool{false, true} {
			f := newFixture(t)
			lease := f.lease(f.live(ann, ch1, mb1))
			f.apply(f.text(ch1, "", "bot", 0, "hi"), gone(f))
			f.activate(lease, ch1, mb2)
			if pruned {
				f.exec(`UPDATE events SET payload = NULL, pruned_at = now() WHERE type = 'onParticipantRemoved'`)
			}
			f.apply(f.receiptOf(mb1, 0, chat.Undelivered, 21610))
			if got := f.delivery(); got != "undelivered 21610 1" {
				t.Errorf("%s, pruned %t: the text is %q, want undelivered and one opt-out", name, pruned, got)
			}
		}
	}
}

// A row that is opened again looks its participant up anew, and no event tells of the
// one it had, nor, when another program has added them again, of the one it gets.
func TestReceiptsOfAReopenedRow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lease := f.lease(f.live(ann, ch1, mb1))
	f.apply(f.text(ch1, "", "bot", 0, "hi"), f.receiptOf(mb1, 0, chat.Sent, 0))
	f.apply(f.event(chat.PolledClosed(ch1, time.Now())))
	if reopened, err := f.Reopen(t.Context(), lease); err != nil || !reopened {
		t.Fatalf("reopened %t, %v", reopened, err)
	}
	if got := f.delivery(); got != "sent 0 0" {
		t.Errorf("reopened, the text is %q, want sent", got)
	}
	f.activate(lease, ch1, mb2)
	f.apply(f.receiptOf(mb1, 0, chat.Undelivered, 21610))
	if got := f.delivery(); got != "undelivered 21610 1" {
		t.Errorf("the text is %q, want undelivered and one opt-out", got)
	}
}

// Somebody else was taken out again, and by whom their refusal was is pruned when the
// text is told of once more: it is still not our customer's.
func TestReceiptsOfAForgottenStranger(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	f.apply(f.text(ch1, "", "bot", 0, "hi"), f.participant(chat.ParticipantAdded, mb2, bob),
		f.receiptOf(mb1, 0, chat.Delivered, 0), f.receiptOf(mb2, 0, chat.Undelivered, 21610), f.participant(chat.ParticipantRemoved, mb2, bob))
	f.exec(`UPDATE events SET payload = NULL, pruned_at = now()`)
	edit := said(ch1, "", "bot", 0, "hi!")
	edit.Type, edit.Message.UpdatedAt = chat.MessageUpdated, edit.At.Add(time.Minute)
	edit.Key, edit.At = chat.EventKey(edit.Type, "edit"), edit.Message.UpdatedAt
	f.apply(f.event(edit))
	if got := f.delivery(); got != "delivered 0 0" {
		t.Errorf("the text is %q, want delivered and no opt-out", got)
	}
}

// Who was taken out before former participants were kept is found in the events.
func TestReceiptsOfAParticipantBeforeTheMigration(t *testing.T) {
	t.Parallel()
	migration, err := os.ReadFile("../migrations/00014_former_participants_before.sql")
	must(t, err)
	_, up, _ := strings.Cut(string(migration), "-- +goose Up")
	up, _, _ = strings.Cut(up, "-- +goose Down")
	for name, gone := range map[string]func(*fixture) chat.Event{
		"told":                 func(f *fixture) chat.Event { return f.participant(chat.ParticipantRemoved, mb1, ann) },
		"told without address": func(f *fixture) chat.Event { return f.participant(chat.ParticipantRemoved, mb1, "") },
		"found":                func(f *fixture) chat.Event { return f.event(chat.PolledParticipantRemoved(ch1, mb1, time.Now())) },
	} {
		f := newFixture(t)
		lease := f.lease(f.live(ann, ch1, mb1))
		f.apply(f.text(ch1, "", "bot", 0, "hi"), f.participant(chat.ParticipantRemoved, mb3, bob), gone(f))
		f.activate(lease, ch1, mb2)
		f.exec(`UPDATE conversations SET former_participants = ARRAY[$1]`, mb4) // who no event knows any more
		f.exec(up)
		f.exec(up)
		if got := one[[]string](f, `SELECT former_participants FROM conversations`); !slices.Equal(got, []string{string(mb4), string(mb1)}) {
			t.Errorf("%s: the former participants are %q", name, got)
		}
		f.apply(f.receiptOf(mb3, 0, chat.FailedSend, 21610))
		f.apply(f.receiptOf(mb1, 0, chat.Undelivered, 21610))
		const want = "undelivered 21610 1"
		if got := one[string](f, `SELECT concat_ws(' ', status, error_code, (SELECT count(*) FROM opt_outs)) FROM messages WHERE index = 0`); got != want {
			t.Errorf("%s: the text is %q, want %q", name, got, want)
		}
	}
}

// Another program has added our customer again, which no webhook tells of: what Twilio
// says of the new participant counts as soon as the row has it.
func TestReceiptsBeforeTheirParticipant(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lease := f.lease(f.live(ann, ch1, mb1))
	f.apply(f.text(ch1, "", "bot", 0, "hi"), f.receiptOf(mb2, 0, chat.Undelivered, 21610))
	f.apply(f.event(chat.PolledParticipantRemoved(ch1, mb1, time.Now())))
	f.activate(lease, ch1, mb2)
	if got := f.delivery(); got != "undelivered 21610 1" {
		t.Errorf("the text is %q, want undelivered and one opt-out", got)
	}
}

// Recording a participant takes its locks in the order of everybody else, the person
// before the conversation, and the person only where a refusal is to be obeyed.
func TestParticipantRecordedWhileThePersonIsLocked(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{"with a refusal": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			id := f.live(ann, ch1, mb1)
			lease := f.lease(id)
			f.apply(f.text(ch1, "", "bot", 0, "hi"), f.receiptOf(mb2, 0, chat.Delivered, 0))
			if refused {
				f.apply(f.receiptOf(mb2, 0, chat.Undelivered, 21610))
			}
			f.apply(f.event(chat.PolledParticipantRemoved(ch1, mb1, time.Now())))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			tx, err := f.db.Begin(t.Context())
			must(t, err)
			defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
			_, err = tx.Exec(t.Context(), `SELECT FROM customers WHERE phone = $1 FOR NO KEY UPDATE`, ann)
			must(t, err)
			done := make(chan error, 1)
			go func() {
				_, err := f.Activate(ctx, lease, chat.Joining{SID: ch1, Participant: mb2, Since: time.Now()})
				done <- err
			}()
			if refused {
				f.somebodyWaits()
				_, err = tx.Exec(t.Context(), `SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE NOWAIT`, id)
				if err != nil {
					t.Errorf("who waits for the person has the conversation: %v", err)
				}
				must(t, tx.Rollback(t.Context()))
			}
			must(t, <-done) // without a refusal, the person is locked still
		})
	}
}

// somebodyWaits returns when somebody waits for a lock.
func (f *fixture) somebodyWaits() {
	f.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if one[bool](f, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`) {
			return
		}
	}
	f.t.Fatal("nobody waits for a lock")
}

// standing is whether each of two people is opted out.
func (f *fixture) standing() string {
	f.t.Helper()
	var out []string
	for name, phone := range map[string]chat.Phone{"ann": ann, "bob": bob} {
		past, err := f.Past(f.t.Context(), phone)
		must(f.t, err)
		if slices.ContainsFunc(past.OptOuts, func(o chat.PastOptOut) bool { return o.ClearedAt == nil }) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// What somebody else says about being texted is obeyed for their own number.
func TestStopOfSomebodyElse(t *testing.T) {
	t.Parallel()
	stop := said(ch1, mb2, bob, 1, "STOP")
	start := func(change func(*chat.RemoteMessage)) []chat.Event {
		e := said(ch1, mb2, bob, 2, "START")
		change(&e.Message)
		return []chat.Event{stop, e}
	}
	for name, tt := range map[string]struct {
		events []chat.Event
		polled bool
		want   string
	}{
		"STOP":                     {[]chat.Event{stop}, false, "bob"},
		"STOP, found":              {[]chat.Event{stop}, true, "bob"},
		"in other words":           {[]chat.Event{said(ch1, mb2, bob, 1, "please stop texting me")}, false, "bob"},
		"of no participant":        {[]chat.Event{said(ch1, "", bob, 1, "STOP")}, false, "bob"},
		"nothing of the kind":      {[]chat.Event{said(ch1, mb2, bob, 1, "I stop by")}, false, ""},
		"our number":               {[]chat.Event{said(ch1, "", sender, 1, "STOP")}, false, ""},
		"no number":                {[]chat.Event{said(ch1, mb2, "bob", 1, "STOP")}, false, ""},
		"START":                    {start(func(*chat.RemoteMessage) {}), false, ""},
		"START, found":             {start(func(*chat.RemoteMessage) {}), true, ""},
		"START by a program":       {start(func(m *chat.RemoteMessage) { m.ByProgram = true }), false, "bob"},
		"START found of no member": {start(func(m *chat.RemoteMessage) { m.Participant = "" }), true, "bob"},
		"START of the customer":    {[]chat.Event{stop, said(ch1, mb1, ann, 2, "START")}, false, "bob"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.live(ann, ch1, mb1)
			for _, e := range tt.events {
				if e = f.event(e); tt.polled {
					e = f.found(e.Message)
				}
				f.apply(e)
			}
			if got := f.standing(); got != tt.want {
				t.Errorf("opted out: %q, want %q", got, tt.want)
			}
			f.replaysAlike()
		})
	}
}

// It is obeyed at once, also where the conversation waits for its row.
func TestParkedStopOfSomebodyElse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.conversation(ann)
	f.apply(f.text(ch1, mb1, ann, 0, "hello"), f.text(ch1, mb2, bob, 1, "STOP"))
	must(t, f.AdoptConversation(t.Context(), chat.Adoption{SID: ch1, Participant: chat.RemoteParticipant{SID: mb1, Address: ann, ProxyAddress: sender}}))
	if got := f.standing(); got != "bob" {
		t.Errorf("opted out: %q, want bob", got)
	}
	f.replaysAlike()
}
