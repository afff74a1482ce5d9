package store_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"textme/chat"
)

// A STOP or START that the classic webhook brings beside a conversation, in any order
// of the two.

// A START that the classic webhook brings lifts what was said well before it,
// also where the conversation that seems to take it does not.
func TestClassicStartBesideAConversation(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stopped       time.Duration // ago
		before, after chat.Event    // the START
		out           bool
	}{
		"the conversation brings it later": {stopped: time.Hour},
		"just after a STOP":                {stopped: 20 * time.Second, out: true}, // which of the two was first, the conversation will say
		"she had left the conversation": {
			stopped: time.Hour,
			before:  chat.Event{Type: chat.ParticipantRemoved, SID: ch1, Participant: chat.RemoteParticipant{SID: mb1}, At: time.Now()},
		},
		"the conversation had been deleted, as is heard later": {
			stopped: 2 * time.Hour,
			after:   chat.Event{Type: chat.ConversationRemoved, SID: ch1, At: time.Now().Add(-time.Hour)},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.isOpen()
			f.apply(f.ago(tt.stopped, 1, "STOP"))
			for i, e := range []chat.Event{tt.before, f.classic(ann, sender, 2, "START", ""), tt.after} {
				if e.Type != "" {
					e.Key = chat.EventKey(e.Type, name, strconv.Itoa(i))
					f.apply(f.event(e))
				}
			}
			if got := one[bool](f, optedOut); got != tt.out {
				t.Errorf("opted out: %t, want %t", got, tt.out)
			}
			f.replaysAlike()
		})
	}
}

// What a classic START came to before its pair had a conversation, it comes to
// again when there is one.
func TestReplayOfAClassicStartBeforeItsConversation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, lease := f.conversation(ann)
	f.apply(f.classic(ann, sender, 1, "STOP", ""))
	f.passes(20 * time.Second)
	f.apply(f.classic(ann, sender, 2, "START", ""))
	if one[bool](f, optedOut) {
		t.Error("her START is not obeyed")
	}
	must(t, f.SaveSID(t.Context(), lease, chat.Found{SID: ch1}))
	f.activate(lease, ch1, mb1)
	f.replaysAlike()
	f.replaysToTheSame("with a conversation")
}

// In doubt a STOP is the later: one of the second of a START without a time,
// even if it begins its conversation.
func TestStopInTheSecondOfAClassicStart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.apply(f.classic(ann, sender, 1, "START", ""))
	f.live(ann, ch1, mb1)
	stop := said(ch1, mb1, ann, 0, "STOP")
	stop.Message.At = one[time.Time](f, `SELECT received_at FROM events`)
	f.apply(f.event(stop))
	if !one[bool](f, optedOut) {
		t.Error("her STOP is not obeyed")
	}
}

// A classic START that came late, without a conversation, seems to lift a STOP said
// after it, until the conversation tells when it was said; whichever comes first.
func TestLateClassicStartWithoutAConversation(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"STOP", "START"} {
		f := newFixture(t)
		f.apply(f.classic(ann, sender, 1, "START", ""))
		f.live(ann, ch1, mb1)
		events := []chat.Event{f.ago(10*time.Second, 2, "STOP"), f.ago(20*time.Second, 1, "START")}
		if first == "START" {
			slices.Reverse(events)
		}
		for _, e := range events {
			f.apply(e)
		}
		if !one[bool](f, optedOut) {
			t.Errorf("%s first: the STOP is not obeyed", first)
		}
		f.replaysAlike()
	}
}

// adopts makes the conversation that Ann has texted in a row's, or leaves it to her
// pending row.
func (f *fixture) adopts() {
	f.t.Helper()
	must(f.t, f.AdoptConversation(f.t.Context(), chat.Adoption{SID: ch1, Participant: chat.RemoteParticipant{SID: mb1, Address: ann, ProxyAddress: sender}}))
}

// Her first texts are words, and both webhooks tell of them before there is a row that
// has the conversation. Behind a pending row a second try of the classic STOP seems to
// be a STOP after the START: in doubt it is.
func TestBothWebhooksBeforeTheRow(t *testing.T) {
	t.Parallel()
	retry := func(f *fixture) { f.apply(f.classic(ann, sender, 1, "STOP", "")) } // not answered at first, it comes again
	for name, tt := range map[string]struct {
		pending bool // she has signed up
		come    []func(*fixture)
		out     bool
	}{
		"STOP":         {false, []func(*fixture){func(f *fixture) { f.apply(f.now(0, "STOP")) }, retry, (*fixture).adopts}, true},
		"STOP, joined": {true, []func(*fixture){retry, func(f *fixture) { f.apply(f.now(0, "STOP")) }, (*fixture).adopts}, true},
		"STOP and START": {false, []func(*fixture){
			func(f *fixture) { f.apply(f.ago(15*time.Second, 0, "STOP"), f.ago(8*time.Second, 1, "START")) }, retry, (*fixture).adopts,
		}, false},
		"STOP and START, joined": {true, []func(*fixture){
			func(f *fixture) { f.apply(f.ago(15*time.Second, 0, "STOP")) }, (*fixture).adopts,
			func(f *fixture) { f.apply(f.ago(8*time.Second, 1, "START")) }, (*fixture).adopts, retry,
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			var lease chat.Lease
			if tt.pending {
				_, lease = f.conversation(ann)
			}
			for _, do := range tt.come {
				do(f)
			}
			f.replaysAlike()
			if tt.pending {
				must(t, f.SaveSID(t.Context(), lease, chat.Found{SID: ch1}))
				f.activate(lease, ch1, mb1)
			}
			f.replaysToTheSame("at last")
			if got := one[bool](f, optedOut); got != tt.out {
				t.Errorf("opted out: %t, want %t", got, tt.out)
			}
		})
	}
}

// other is a second sender of ours, once addSender has made a source for it.
const other = chat.Phone("+15005550009")

func (f *fixture) addSender() {
	f.t.Helper()
	f.exec(`INSERT INTO sources SELECT (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid(), 'key', 'other', 'sender', $1::text))).* FROM sources s LIMIT 1`, other)
}

// in2 makes a text one of the second conversation.
func in2(e chat.Event) chat.Event {
	e.SID, e.Message.Participant = ch2, mb2
	return e
}

// The row has a conversation that is not hers at Twilio any more when the classic
// webhook brings her word: the one that she is in takes its place all the same.
func TestClassicWordBesideAnOutdatedRow(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]func(*fixture){
		"active": func(f *fixture) { f.live(ann, ch1, mb1) },
		"pending": func(f *fixture) {
			_, lease := f.conversation(ann)
			must(f.t, f.SaveSID(f.t.Context(), lease, chat.Found{SID: ch1}))
		},
	} {
		for _, started := range []bool{false, true} {
			f := newFixture(t)
			row(f)
			f.apply(in2(f.ago(15*time.Second, 0, "STOP")))
			if started {
				f.apply(in2(f.ago(8*time.Second, 1, "START")))
			}
			f.apply(f.classic(ann, sender, 1, "STOP", ""))
			must(t, f.AdoptConversation(t.Context(), chat.Adoption{SID: ch2, Participant: chat.RemoteParticipant{SID: mb2, Address: ann, ProxyAddress: sender}}))
			if one[bool](f, optedOut) == started {
				t.Errorf("%s: opted out: %t, START said: %t", name, !started, started)
			}
			f.replaysAlike()
			f.replaysToTheSame(name)
		}
	}
}

// A conversation that was said to be closed takes no classic word's place, and a replay
// does not come to something else when it is found again.
func TestClassicWordInAClosedConversationFoundAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.live(ann, ch1, mb1)
	f.exec(`UPDATE conversations SET created_at = now() - interval '1 day'`)
	f.apply(f.event(chat.PolledClosed(ch1, time.Now().Add(-30*time.Second))))
	f.apply(f.classic(ann, sender, 1, "STOP", ""))
	f.apply(f.now(1, "STOP"))
	f.replaysAlike()
	_, err := f.Reopen(t.Context(), f.lease(id))
	must(t, err)
	f.replaysToTheSame("found again")
}

// What she said to another sender of ours is not this one's word.
func TestClassicWordHeardByAnotherSender(t *testing.T) {
	t.Parallel()
	for name, words := range map[string]func(*fixture){
		"STOP, START there": func(f *fixture) {
			f.live(ann, ch1, mb1)
			f.apply(f.ago(20*time.Second, 1, "STOP"), f.ago(10*time.Second, 2, "START"), f.classic(ann, other, 3, "STOP", ""))
		},
		"parked there": func(f *fixture) {
			f.conversation(ann)
			f.apply(f.classic(ann, other, 3, "STOP", ""), f.now(0, "STOP"))
			f.adopts()
		},
	} {
		f := newFixture(t)
		f.addSender()
		must(t, f.AdoptConversation(t.Context(), chat.Adoption{SID: ch2, Participant: chat.RemoteParticipant{SID: mb2, Address: ann, ProxyAddress: other}}))
		words(f)
		if !one[bool](f, optedOut) {
			t.Errorf("%s: her STOP is not obeyed", name)
		}
		f.replaysToTheSame(name)
	}
}

// passes makes classic texts that came just now earlier.
func (f *fixture) passes(d time.Duration) {
	f.t.Helper()
	f.exec(`UPDATE events SET received_at = received_at - $1::interval WHERE type = 'classicMessage'`, d)
	f.exec(`UPDATE opt_outs SET since = since - $1::interval, cleared_at = cleared_at - $1::interval WHERE heard_by LIKE 'SM%'`, d)
}

// Two STARTs of one second that came by the classic webhook first: when the
// conversation brings the one, the other is no STOP, and what it lifted stays lifted.
func TestTwoClassicStartsInOneSecond(t *testing.T) {
	t.Parallel()
	for _, stopped := range []bool{false, true} {
		f := newFixture(t)
		if stopped {
			f.apply(f.classic(ann, sender, 9, "STOP", ""))
			f.passes(time.Hour)
		}
		f.apply(f.classic(ann, sender, 1, "START", ""), f.classic(ann, sender, 2, "START", ""))
		f.apply(f.ago(time.Second, 0, "START"), f.ago(time.Second, 1, "START"))
		f.adopts()
		if one[bool](f, optedOut) {
			t.Errorf("stopped an hour ago: %t: her START is not obeyed", stopped)
		}
		f.replaysAlike()
		f.replaysToTheSame("two STARTs")
	}
}

// The row's conversation was deleted and nobody told. Her STOP, START and STOP come by
// the classic webhook alone, or to another sender: the second STOP is no echo of the first.
func TestClassicStopIsNoEchoOfAnother(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*fixture) chat.Event{
		"START to another sender":           func(f *fixture) chat.Event { return f.event(in2(f.ago(5*time.Second, 2, "START"))) },
		"START in a word only Twilio knows": func(f *fixture) chat.Event { return f.classic(ann, sender, 2, "Oui", chat.Start) },
	} {
		f := newFixture(t)
		f.addSender()
		f.isOpen()
		must(t, f.AdoptConversation(t.Context(), chat.Adoption{SID: ch2, Participant: chat.RemoteParticipant{SID: mb2, Address: ann, ProxyAddress: other}}))
		f.apply(f.classic(ann, sender, 1, "STOP", ""))
		f.passes(10 * time.Second)
		f.apply(start(f))
		if one[bool](f, optedOut) {
			t.Errorf("%s: it is not obeyed", name)
		}
		f.apply(f.classic(ann, sender, 3, "STOP", ""))
		if !one[bool](f, optedOut) {
			t.Errorf("%s: her second STOP is not obeyed", name)
		}
		f.replaysAlike()
	}
}

// Nor is it one of what a receipt said.
func TestClassicStopIsNoEchoOfAReceipt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	r := f.receipt(ch1, 5, chat.Undelivered, 21610)
	r.Receipt.At = time.Now().Add(-20 * time.Second)
	f.apply(f.event(r), f.ago(10*time.Second, 2, "START"))
	if one[bool](f, optedOut) {
		t.Fatal("her START is not obeyed")
	}
	f.apply(f.classic(ann, sender, 3, "STOP", ""))
	if !one[bool](f, optedOut) {
		t.Error("her STOP is not obeyed")
	}
	f.replaysAlike()
}

// A classic word outlives its event by far, and a replay knows it all the same.
func TestReplayWithoutTheEventOfAClassicWord(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	f.apply(f.classic(ann, sender, 1, "Arret", chat.Stop))
	f.passes(chat.KeyRetention + time.Hour)
	_, err := f.PruneEvents(t.Context(), time.Now().Add(-chat.PayloadRetention), time.Now().Add(-chat.KeyRetention), 100)
	must(t, err)
	f.replaysAlike()
}

// A late word of a conversation does not take the place of one that the classic
// webhook brought, and which that conversation cannot have: it had ended, or the text
// went to another sender. A START after the end may be an earlier one, tried again.
func TestLateWordBesideAnotherClassicOne(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"STOP", "START"} {
		for _, to := range []chat.Phone{sender, other} {
			f := newFixture(t)
			f.isOpen()
			f.addSender()
			between := map[string]string{"STOP": "START", "START": "STOP"}[last]
			f.apply(f.ago(20*time.Second, 2, between))
			if to == sender {
				f.apply(f.event(chat.Event{Key: chat.EventKey("ended"), Type: chat.ConversationRemoved, SID: ch1, At: time.Now().Add(-10 * time.Second)}))
			}
			f.apply(f.classic(ann, to, 3, last, ""))
			f.apply(f.ago(40*time.Second, 1, last))
			if got, want := one[bool](f, optedOut), last == "STOP" || to == sender; got != want {
				t.Errorf("%s to %s: opted out: %t, want %t", last, to, got, want)
			}
			f.replaysAlike()
		}
	}
}

// A classic START is tried again when its conversation has ended and she has said STOP
// in a new one: the STOP stands, in whatever order these come.
func TestClassicStartTriedAgainAfterItsConversation(t *testing.T) {
	t.Parallel()
	type step func(*fixture)
	start := func(f *fixture) { f.apply(f.ago(30*time.Second, 1, "START")) }
	ended := func(f *fixture) {
		f.apply(f.event(chat.Event{Key: chat.EventKey("ended"), Type: chat.ConversationRemoved, SID: ch1, At: time.Now().Add(-20 * time.Second)}))
	}
	stop := func(f *fixture) { f.apply(in2(f.ago(10*time.Second, 0, "STOP"))) }
	found := func(f *fixture) {
		must(f.t, f.AdoptConversation(f.t.Context(), chat.Adoption{SID: ch2, Participant: chat.RemoteParticipant{SID: mb2, Address: ann, ProxyAddress: sender}}))
	}
	again := func(f *fixture) { f.apply(f.classic(ann, sender, 2, "START", "")) }
	for name, steps := range map[string][]step{
		"the new one is not known":         {start, ended, again, stop, found},
		"it has no row":                    {start, ended, stop, again, found},
		"it has a row":                     {start, ended, stop, found, again},
		"the START's own webhook is later": {ended, again, start, stop, found},
		"and so is the STOP's":             {ended, again, stop, found, start},
		"with a row":                       {ended, stop, found, again, start},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.isOpen()
			for _, do := range steps {
				do(f)
			}
			if !one[bool](f, optedOut) {
				t.Error("her STOP is not obeyed")
			}
			f.replaysAlike()
			f.replaysToTheSame(name)
		})
	}
}

// Her second STOP within a minute is told by the classic webhook alone: it is not the
// echo of the first, which has had its own.
func TestSecondStopByTheClassicWebhookAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.isOpen()
	f.apply(f.ago(30*time.Second, 1, "STOP"))
	f.apply(f.classic(ann, sender, 1, "STOP", ""))
	f.apply(f.ago(15*time.Second, 2, "START"))
	f.apply(f.classic(ann, sender, 2, "START", ""))
	if one[bool](f, optedOut) {
		t.Error("her START is not obeyed")
	}
	f.apply(f.classic(ann, sender, 3, "STOP", ""))
	if !one[bool](f, optedOut) {
		t.Error("her second STOP is not obeyed")
	}
	f.replaysAlike()
	f.replaysToTheSame("three words")
}

// Her conversation dates the first one two seconds after the classic webhook came: it
// is the same all the same, and the second is another.
func TestSecondStopWhenClocksDiffer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.isOpen()
	f.apply(f.classic(ann, sender, 1, "STOP", ""))
	f.passes(30 * time.Second)
	f.apply(f.ago(28*time.Second, 1, "STOP"), f.ago(10*time.Second, 2, "START"))
	f.apply(f.classic(ann, sender, 3, "STOP", ""))
	if !one[bool](f, optedOut) {
		t.Error("her second STOP is not obeyed")
	}
}

// Her third STOP too, and each of the others has had its own.
func TestThirdStopByTheClassicWebhookAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.isOpen()
	earlier := func(by string) {
		f.exec(`UPDATE events SET received_at = received_at - $1::interval`, by)
		f.exec(`UPDATE opt_outs SET since = since - $1::interval, cleared_at = cleared_at - $1::interval`, by)
	}
	f.apply(f.ago(time.Second, 1, "STOP"), f.classic(ann, sender, 1, "STOP", ""))
	earlier("24 s")
	f.apply(f.ago(10*time.Second, 2, "START"), f.ago(time.Second, 3, "STOP"), f.classic(ann, sender, 3, "STOP", ""))
	earlier("50 s")
	f.apply(f.ago(20*time.Second, 4, "START"))
	if one[bool](f, optedOut) {
		t.Error("her START is not obeyed")
	}
	f.apply(f.classic(ann, sender, 5, "STOP", ""))
	if !one[bool](f, optedOut) {
		t.Error("her third STOP is not obeyed")
	}
}

// Of her first STOP only the classic webhook tells. It is no echo of the second, which
// she said later: the echo of that, tried again after her START, is one.
func TestEchoOfTheSecondStop(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.isOpen()
	f.apply(f.classic(ann, sender, 1, "STOP", ""))
	f.passes(12 * time.Second)
	f.apply(f.ago(8*time.Second, 2, "STOP"), f.ago(3*time.Second, 3, "START"))
	f.apply(f.classic(ann, sender, 2, "STOP", ""))
	if one[bool](f, optedOut) {
		t.Error("the echo of the second STOP counts, and START was her last word")
	}
}

// A STOP that no conversation brings is not taken for the echo of an earlier
// one, which a START has lifted since.
func TestSecondClassicStop(t *testing.T) {
	t.Parallel()
	type texts func(f *fixture) []chat.Event
	stop := func(f *fixture) []chat.Event { return []chat.Event{f.ago(40*time.Second, 1, "STOP")} }
	start := func(f *fixture) []chat.Event { return []chat.Event{f.ago(20*time.Second, 2, "START")} }
	arret := func(f *fixture) []chat.Event {
		return []chat.Event{f.now(3, "Arret"), f.classic(ann, sender, 3, "Arret", chat.Stop)}
	}
	echo := func(f *fixture) []chat.Event {
		f.apply(f.classic(ann, sender, 1, "STOP", ""))
		f.passes(40 * time.Second)
		return nil
	}
	deleted := func(f *fixture) []chat.Event {
		e := f.removal(ch1, 1, "STOP")
		e.Message.At = one[time.Time](f, `SELECT twilio_at FROM messages WHERE index = 1`)
		return []chat.Event{f.event(e)}
	}
	again := func(f *fixture) []chat.Event { return []chat.Event{f.classic(ann, sender, 3, "STOP", "")} }
	ended := func(f *fixture) []chat.Event {
		f.exec(`UPDATE conversations SET created_at = now() - interval '1 day'`)
		return []chat.Event{f.event(chat.Event{
			Key: chat.EventKey("ended"), Type: chat.ConversationRemoved, SID: ch1, At: time.Now().Add(-10 * time.Second),
		})}
	}
	for name, order := range map[string][]texts{
		"in a word that only Twilio knows":          {stop, start, arret},
		"in such a word, and the first comes late":  {start, arret, stop},
		"after the conversation":                    {stop, start, ended, again},
		"and then the first is deleted":             {stop, start, ended, again, deleted},
		"and then the first comes by both webhooks": {echo, start, ended, again, stop},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.live(ann, ch1, mb1)
			for _, texts := range order {
				f.apply(texts(f)...)
			}
			if !one[bool](f, optedOut) {
				t.Error("her second STOP is not obeyed")
			}
			f.replaysAlike()
		})
	}
}
