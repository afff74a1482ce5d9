package store_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"textme/chat"
)

// told is an event of a type that tells of ch1 or of who is in it.
func (f *fixture) told(eventType string) chat.Event {
	return f.event(chat.Event{Key: chat.EventKey(eventType, uuid.NewString()), Type: eventType, SID: ch1, At: noon})
}

// known lets the foreign conversation have been known for a while when it was looked
// at, and the sources be older.
func (f *fixture) known(ago string) {
	f.t.Helper()
	f.exec(`UPDATE events SET received_at = received_at - $1::interval`, ago)
	f.exec(`UPDATE sources SET created_at = now() - interval '1 day'`)
}

// looked dates looks back.
func (f *fixture) looked(ago string) {
	f.t.Helper()
	f.exec(`UPDATE events SET pruned_at = pruned_at - $1::interval`, ago)
}

// A foreign conversation is looked at with its first event, and then, unless something
// tells what may have made it ours, no more for an hour.
func TestForeignConversationIsRemembered(t *testing.T) {
	t.Parallel()
	drop := func(reason string) func(*fixture) {
		return func(f *fixture) { must(f.t, f.DropParked(f.t.Context(), ch1, reason)) }
	}
	comes := func(eventType string) func(*fixture) {
		return func(f *fixture) { f.apply(f.told(eventType)) }
	}
	claimed, unclaimed := drop(chat.ForeignClaimed), drop(chat.ForeignUnclaimed)
	cases := map[string]struct {
		before []func(*fixture)
		want   chat.Applied
	}{
		"not looked at yet":              {nil, chat.EventParked},
		"claimed":                        {[]func(*fixture){claimed}, chat.EventForeign},
		"claimed, nearly an hour ago":    {[]func(*fixture){claimed, func(f *fixture) { f.looked("59 min") }}, chat.EventForeign},
		"claimed, an hour ago":           {[]func(*fixture){claimed, func(f *fixture) { f.looked("1 hour") }}, chat.EventParked},
		"unclaimed, just known":          {[]func(*fixture){unclaimed}, chat.EventParked},
		"unclaimed, known for a minute":  {[]func(*fixture){func(f *fixture) { f.known("1 min") }, unclaimed}, chat.EventForeign},
		"over":                           {[]func(*fixture){func(f *fixture) { f.known("1 min") }, drop("closed at Twilio")}, chat.EventParked},
		"never ours while it was kept":   {[]func(*fixture){drop("its conversation never became ours")}, chat.EventParked},
		"somebody comes":                 {[]func(*fixture){claimed, comes(chat.ParticipantAdded)}, chat.EventParked},
		"somebody came":                  {[]func(*fixture){claimed, comes(chat.ParticipantAdded), claimed}, chat.EventParked},
		"somebody came before a text":    {[]func(*fixture){comes(chat.ParticipantAdded), func(f *fixture) { f.apply(f.text(ch1, mb1, bob, 1, "hello")) }, claimed}, chat.EventForeign},
		"somebody has read on":           {[]func(*fixture){claimed, comes(chat.ParticipantUpdated)}, chat.EventForeign},
		"a source was added":             {[]func(*fixture){claimed, func(f *fixture) { f.addSender(); f.exec(`UPDATE sources SET created_at = now() WHERE key = 'other'`) }}, chat.EventParked},
		"it has become ours by a signup": {[]func(*fixture){claimed, func(f *fixture) { f.live(ann, ch1, mb1) }}, chat.EventApplied},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.known("0")
			f.apply(f.text(ch1, mb1, bob, 0, "foreign words"))
			for _, do := range tt.before {
				do(f)
			}
			f.jobs = nil
			text := f.text(ch1, mb1, bob, 7, "more of them")
			if r := f.apply(text); r[0].Applied != tt.want || r[0].Error != "" {
				t.Errorf("got %+v, want %s", r[0], tt.want)
			}
			if got := slices.Contains(f.jobs, chat.Job(chat.AdoptJob{ConversationSID: ch1})); got != (tt.want == chat.EventParked) {
				t.Errorf("%s: the jobs are %v", tt.want, f.jobs)
			}
			if tt.want != chat.EventForeign {
				return
			}
			const asDropped = `SELECT payload IS NULL AND applied_at IS NULL AND error = $2 AND message_sid = $1 AND pruned_at = (SELECT max(pruned_at) FROM events)
				AND pruned_at = (SELECT min(pruned_at) FROM events) FROM events WHERE message_sid = $1`
			if !one[bool](f, asDropped, im(7), one[string](f, `SELECT max(error) FROM events`)) {
				t.Error("it is not kept as if the look had dropped it")
			}
			if r := f.apply(text); r[0].Applied != chat.EventDuplicate {
				t.Errorf("again: got %+v, want duplicate", r[0])
			}
		})
	}
}

// Of a foreign conversation, everything has it looked at again that may tell what
// makes it ours, also beside a text.
func TestForeignConversationIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	for _, eventType := range chat.EventTypes() {
		f := newFixture(t)
		f.apply(f.text(ch1, mb1, bob, 0, "foreign words"))
		must(t, f.DropParked(t.Context(), ch1, chat.ForeignClaimed))
		want := chat.EventForeign
		if slices.Contains(chat.OwnerTypes(), eventType) {
			want = chat.EventParked
		}
		for i, r := range f.apply(f.text(ch1, mb1, bob, 1, "hello"), f.told(eventType), f.text(ch2, mb2, ann, 2, "unknown")) {
			if want := []chat.Applied{want, want, chat.EventParked}[i]; r.Applied != want {
				t.Errorf("%s: event %d is %s, want %s", eventType, i, r.Applied, want)
			}
		}
	}
}

// No webhook tells what another program does, such as taking all but one out of a group:
// a STOP or a START is never dropped without a look. It does nothing where it is not
// said to us.
func TestKeywordInAForeignConversation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string
		want chat.Applied
	}{
		{"more of them", chat.EventForeign},
		{"STOP", chat.EventParked},
		{"please do not text me again", chat.EventParked},
		{"start", chat.EventParked},
		{"HELP", chat.EventForeign},
	} {
		f := newFixture(t)
		f.known("0")
		f.apply(f.text(ch1, mb1, bob, 0, "foreign words"))
		f.known("2 min")
		must(t, f.DropParked(t.Context(), ch1, chat.ForeignUnclaimed))
		if r := f.apply(f.text(ch1, mb1, bob, 1, tt.body)); r[0].Applied != tt.want {
			t.Errorf("%q is %s, want %s", tt.body, r[0].Applied, tt.want)
		}
		must(t, f.DropParked(t.Context(), ch1, chat.ForeignUnclaimed))
		if n := one[int](f, `SELECT count(*) FROM opt_outs`); n != 0 {
			t.Errorf("%q to somebody else is obeyed", tt.body)
		}
		if r := f.apply(f.text(ch1, mb1, bob, 2, "more of them")); r[0].Applied != chat.EventForeign {
			t.Errorf("after %q a text is %s, want foreign", tt.body, r[0].Applied)
		}
	}
}

// What was dropped without a look is taken up like the rest when the conversation
// turns out to be ours.
func TestRememberedForeignIsTakenUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(f.text(ch1, mb1, ann, 0, "hello"))
	must(t, f.DropParked(t.Context(), ch1, chat.ForeignClaimed))
	text := f.text(ch1, mb1, ann, 1, "are you there?")
	f.apply(text)
	f.replaysAlike()
	f.adopts()
	polled := f.event(chat.PolledMessage(ch1, text.Message))
	if r := f.apply(polled); r[0].Applied != chat.EventApplied {
		t.Errorf("asked for again: got %+v, want applied", r[0])
	}
	if n := one[int](f, `SELECT count(*) FROM messages WHERE body = 'are you there?'`); n != 1 {
		t.Errorf("the text is in the transcript %d times, want once", n)
	}
	f.replaysToTheSame("ours")
}

// A poll does not tell that a START was posted by a program, as the webhook that was
// dropped did: what is taken up is the poll's, and a replay lifts no STOP by it.
func TestStartOfAProgramIsTakenUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	stop, start := f.text(ch1, mb1, ann, 1, "STOP"), said(ch1, "", ann, 2, "START")
	start.Message.ByProgram = true
	start = f.event(start)
	f.apply(stop, start)
	must(t, f.DropParked(t.Context(), ch1, chat.ForeignClaimed))
	f.adopts()
	polled := start.Message
	polled.ByProgram = false
	f.apply(f.found(stop.Message), f.found(polled))
	if !one[bool](f, optedOut) {
		t.Error("a program has lifted her STOP")
	}
	f.replaysToTheSame("taken up")
	if !one[bool](f, optedOut) {
		t.Error("a replay has lifted her STOP")
	}
}
