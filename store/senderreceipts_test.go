package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"textme/chat"
)

// posted has the welcome of a live conversation leave, up to the call to Twilio,
// and returns what Twilio is going to answer.
func (f *fixture) posted(conversation uuid.UUID) chat.RemoteMessage {
	f.t.Helper()
	welcome := one[uuid.UUID](f, `SELECT id FROM messages WHERE conversation_id = '`+conversation.String()+`' AND purpose = 'welcome'`)
	_, err := f.RecordSignup(f.t.Context(), f.signup(ann)) // work to lease
	must(f.t, err)
	v, err := f.BeginSend(f.t.Context(), f.lease(conversation), welcome, func(chat.GateFacts) chat.Verdict { return chat.Verdict{} })
	must(f.t, err)
	if !v.Goes() {
		f.t.Fatalf("the gate says %+v", v)
	}
	return chat.RemoteMessage{SID: im(0), Index: 0, OurID: welcome, Author: "bot", Body: "Welcome", At: noon}
}

const (
	unregistered = 30034
	pausesNow    = `SELECT count(*) FROM pauses WHERE ended_at IS NULL`
)

// A carrier's refusal pauses the sender, also if it was faster than the answer to
// our post, and is told once.
func TestReceiptPausesSender(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"after the answer": false, "before the answer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			ctx := t.Context()
			sent := f.posted(f.live(ann, ch1, mb1))
			refusal := f.receipt(ch1, 0, chat.Undelivered, unregistered)
			var told []chat.Pause
			note := func(results ...chat.Result) {
				for _, r := range results {
					if r.Paused != (chat.Pause{}) {
						told = append(told, r.Paused)
					}
				}
			}
			if early {
				note(f.apply(refusal)...)
			}
			for range 2 {
				r, err := f.RecordSent(ctx, ch1, sent)
				must(t, err)
				note(r)
			}
			note(f.apply(refusal)...)
			if n := one[int](f, pausesNow+` AND by_receipt AND scope = '`+string(sender)+`'`); n != 1 || len(told) != 1 {
				t.Errorf("%d pauses, told %v, want one told once", n, told)
			}
		})
	}
}

// What a carrier says of somebody else in the conversation, who may be behind another
// number of ours, neither pauses the sender nor ends its pause.
func TestSenderReceiptsOfSomebodyElse(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"after the answer": false, "before the answer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			sent := f.posted(f.live(ann, ch1, mb1))
			hears := func(e chat.Event, pauses int) {
				t.Helper()
				answered := func() {
					_, err := f.RecordSent(t.Context(), ch1, sent)
					must(t, err)
				}
				if !early {
					answered()
				}
				f.apply(e)
				answered()
				if n := one[int](f, pausesNow); n != pauses {
					t.Errorf("after %s of %s there are %d pauses, want %d", e.Receipt.Status, e.Receipt.Participant, n, pauses)
				}
			}
			f.apply(f.participant(chat.ParticipantAdded, mb2, bob))
			hears(f.receiptOf(mb2, 0, chat.Undelivered, unregistered), 0)
			f.exec(`INSERT INTO pauses (scope, code, reason, probe_at, by_receipt, since) VALUES ('` + string(sender) + `', 30034, 'canary', now(), true, 'epoch')`)
			hears(f.receiptOf(mb2, 0, chat.Delivered, 0), 1)
			hears(f.receiptOf(mb1, 0, chat.Delivered, 0), 0)
		})
	}
}

// Which receipts pause whom, and which end a pause: only what was sent since it began,
// or since the last one ended, and lately, tells. The account's is over with any word of
// a carrier's, also on another sender's text; a sender's with a text of it that arrived.
func TestWhatReceiptsTell(t *testing.T) {
	t.Parallel()
	const suspended, gone = 30002, 30005
	account := chat.AccountScope
	for name, tt := range map[string]struct {
		before string // of the text's leaving: paused, or resumed, and how long ago
		status chat.Status
		code   int
		want   string // what is paused then
	}{
		"the sender is not fit":                 {"", chat.Undelivered, unregistered, string(sender)},
		"the account is not fit":                {"", chat.FailedSend, suspended, account},
		"the number is none":                    {"", chat.Undelivered, gone, ""},
		"not fit, hours ago":                    {"sent 2 hours ago", chat.Undelivered, suspended, ""},
		"not fit, before the last pause ended":  {"resumed since " + account, chat.FailedSend, suspended, ""},
		"the sender, before its last one ended": {"resumed since " + string(sender), chat.Undelivered, unregistered, ""},
		"arrived, sent before the pause":        {"paused since " + account, chat.Delivered, 0, account},
		"arrived, sent before the sender's":     {"paused since " + string(sender), chat.Delivered, 0, string(sender)},
		"arrived":                               {"paused before " + account, chat.Delivered, 0, ""},
		"arrived, with the sender paused":       {"paused before " + string(sender), chat.Delivered, 0, ""},
		"a carrier has refused the number":      {"paused before " + account, chat.Undelivered, gone, ""},
		"that says nothing of the sender":       {"paused before " + string(sender), chat.Undelivered, gone, string(sender)},
		"still suspended":                       {"paused before " + account, chat.FailedSend, suspended, account},
		"only the sender is not fit now":        {"paused before " + account, chat.Undelivered, unregistered, string(sender)},
		"on its way":                            {"paused before " + account, chat.Sent, 0, account},
		"arrived, with another sender paused":   {"paused before +15005550009", chat.Delivered, 0, "+15005550009"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			pause := func(scope, since, ended string) {
				f.exec(`INSERT INTO pauses (scope, code, reason, probe_at, by_receipt, since, ended_at)
					VALUES ($1, 30002, 'canary', now(), true, now() + $2::interval, now() + nullif($3, '')::interval)`, scope, since, ended)
			}
			sent := f.posted(f.live(ann, ch1, mb1))
			_, err := f.RecordSent(t.Context(), ch1, sent)
			must(t, err)
			switch word, scope := tt.before, tt.before[strings.LastIndexByte(tt.before, ' ')+1:]; {
			case strings.HasPrefix(word, "sent"):
				f.exec(`UPDATE messages SET sending_at = sending_at - interval '2 hours'`)
			case strings.HasPrefix(word, "resumed since"):
				pause(scope, "-1 minute", "1 minute")
			case strings.HasPrefix(word, "paused since"):
				pause(scope, "1 minute", "")
			case strings.HasPrefix(word, "paused before"):
				pause(scope, "-1 minute", "")
			}
			f.apply(f.receipt(ch1, 0, tt.status, tt.code))
			if got := one[string](f, `SELECT coalesce(string_agg(scope, ', '), '') FROM pauses WHERE ended_at IS NULL`); got != tt.want {
				t.Errorf("paused is %q, want %q", got, tt.want)
			}
		})
	}
}

// Of two pauses that one word brings about, the account's is told.
func TestAccountsPauseIsTold(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	sent := f.posted(f.live(ann, ch1, mb1))
	f.apply(f.receipt(ch1, 0, chat.FailedSend, 30002), f.receipt(ch1, 0, chat.Undelivered, unregistered))
	r, err := f.RecordSent(t.Context(), ch1, sent)
	must(t, err)
	if r.Paused.Scope != chat.AccountScope || one[int](f, pausesNow) != 2 {
		t.Errorf("told is %+v, of %d pauses", r.Paused, one[int](f, pausesNow))
	}
}

// What was known of a receipt before says nothing about now, nor does a
// rehearsal, which touches no pause.
func TestReplayPausesNobody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	sent := f.posted(f.live(ann, ch1, mb1))
	_, err := f.RecordSent(ctx, ch1, sent)
	must(t, err)
	f.apply(f.receipt(ch1, 0, chat.Undelivered, unregistered))
	f.exec(`DELETE FROM pauses`) // as if it had never been known

	ids, err := f.Replayable(ctx, [16]byte{}, 10)
	must(t, err)
	for _, id := range ids {
		_, _, err := f.ReplayEvent(ctx, id, false)
		must(t, err)
	}
	if n := one[int](f, `SELECT count(*) FROM pauses`); n != 0 {
		t.Errorf("replaying came to %d pauses", n)
	}

	// Somebody pauses the sender and has not committed: a rehearsal neither
	// waits for that nor ends it.
	tx, err := f.db.Begin(ctx)
	must(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	_, err = tx.Exec(ctx, `INSERT INTO pauses (scope, code, reason, probe_at) VALUES ($1, 1, 'canary', now())`, sender)
	must(t, err)
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := f.Rehearse(limited)
	must(t, err)
	if len(r.Differences) > 0 || r.Events == 0 {
		t.Errorf("rehearsed %+v", r)
	}
}
