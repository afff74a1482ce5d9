package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

// classic is an event for a text as the classic webhook tells of it.
func (f *fixture) classic(from, to chat.Phone, n int, body string, optOut chat.Keyword) chat.Event {
	sid := fmt.Sprintf("SM%032x", n)
	return f.event(chat.Event{
		Key: chat.EventKey(chat.ClassicMessage, sid), Type: chat.ClassicMessage,
		Classic: chat.ClassicText{SID: sid, From: from, To: to, Body: body, OptOut: optOut},
	})
}

// now is an event for a customer's text of this moment.
func (f *fixture) now(n int, body string) chat.Event { return f.ago(0, n, body) }

// ago is an event for what a customer texted so long ago.
func (f *fixture) ago(ago time.Duration, n int, body string) chat.Event {
	e := said(ch1, mb1, ann, n, body)
	e.At = time.Now().UTC().Add(-ago)
	e.Message.At = e.At
	return f.event(e)
}

// replaysAlike checks that the events alone come to what is there.
func (f *fixture) replaysAlike() {
	f.t.Helper()
	got, err := f.Rehearse(f.t.Context())
	must(f.t, err)
	if len(got.Differences) > 0 {
		f.t.Errorf("replayed differently: %+v", got.Differences)
	}
}

// optedOut is 't' or 'f' for ann.
const optedOut = `SELECT count(*) > 0 FROM opt_outs WHERE cleared_at IS NULL`

func TestClassicText(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		live   bool // she has a conversation with us
		before string
		body   string
		optOut chat.Keyword
		want   chat.Applied
		out    bool // opted out afterwards
		lookUp bool
	}{
		"a text beside its conversation":         {true, "", "hello", "", chat.EventEcho, false, false},
		"a text without one":                     {false, "", "hello", "", chat.EventApplied, false, true},
		"STOP beside its conversation":           {true, "", "Stop", "", chat.EventEcho, true, false},
		"STOP without one":                       {false, "", "Stop", "", chat.EventApplied, true, true},
		"STOP by a word that only Twilio knows":  {true, "", "Arret", chat.Stop, chat.EventEcho, true, false},
		"START beside its conversation":          {true, "STOP", "Start", "", chat.EventEcho, false, false},
		"START without one":                      {false, "STOP", "Start", "", chat.EventApplied, false, true},
		"START by a word that only Twilio knows": {true, "STOP", "Oui", chat.Start, chat.EventEcho, false, false},
		"STOP as Twilio reads it":                {true, "", "STOP", chat.Stop, chat.EventEcho, true, false},
		"HELP":                                   {true, "STOP", "HELP", chat.Help, chat.EventEcho, true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.live {
				f.live(ann, ch1, mb1)
			}
			if tt.before != "" {
				f.apply(f.classic(ann, sender, 1, tt.before, ""))
				f.exec(`UPDATE opt_outs SET since = now() - interval '1 hour'`)
			}
			f.jobs = nil
			e := f.classic(ann, sender, 2, tt.body, tt.optOut)
			if r := f.apply(e); r[0].Applied != tt.want || r[0].Error != "" {
				t.Errorf("got %+v, want %s", r[0], tt.want)
			}
			if got := one[bool](f, optedOut); got != tt.out {
				t.Errorf("opted out: %t, want %t", got, tt.out)
			}
			var lookUps []chat.Job
			for _, j := range f.jobs {
				if _, ok := j.(chat.LookUpJob); ok {
					lookUps = append(lookUps, j)
				}
			}
			if (len(lookUps) == 1) != tt.lookUp {
				t.Errorf("look-ups: %v, want one: %t", lookUps, tt.lookUp)
			}
			if tt.lookUp {
				text, ours, err := f.ClassicText(t.Context(), lookUps[0].(chat.LookUpJob).EventID)
				if diff := cmp.Diff(e.Classic, text); diff != "" || ours || err != nil {
					t.Errorf("to look up: ours %t, %v (-want +got):\n%s", ours, err, diff)
				}
			}
			if r := f.apply(e); r[0].Applied != chat.EventDuplicate {
				t.Errorf("again: got %+v, want duplicate", r[0])
			}
			if n := one[int](f, `SELECT count(*) FROM messages WHERE direction = 'in'`); n != 0 {
				t.Errorf("%d texts entered the transcript, want none", n)
			}
		})
	}
}

// A text to a number that is none of ours is not kept.
func TestForeignClassicText(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if r := f.apply(f.classic(ann, "+15005550001", 1, "STOP", "")); r[0].Applied != chat.EventStored || r[0].Error == "" {
		t.Errorf("got %+v, want it stored with its problem", r[0])
	}
	if got := one[string](f, `SELECT count(payload) || ' ' || count(applied_at) || ' ' || (SELECT count(*) FROM opt_outs) FROM events`); got != "0 0 0" {
		t.Errorf("payloads, applied events and opt-outs: %s, want none", got)
	}
}

// The same words by both webhooks, in whatever order, have one effect; and all
// of it comes again from the events alone.
func TestBothWebhooks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		f := newFixture(t)
		f.live(ann, ch1, mb1)
		events := []chat.Event{
			f.now(1, "STOP"), f.classic(ann, sender, 1, "STOP", chat.Stop),
			f.now(2, "START"), f.classic(ann, sender, 2, "START", chat.Start),
			f.now(3, "hello"), f.classic(ann, sender, 3, "hello", ""),
		}
		if seed%2 == 0 { // and at last once more STOP
			events = append(events, f.now(4, "STOP"), f.classic(ann, sender, 4, "STOP", chat.Stop))
		}
		r := rand.New(rand.NewPCG(seed, 0))
		r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		for _, e := range events {
			f.apply(e)
		}
		if got := one[bool](f, optedOut); got != (seed%2 == 0) {
			t.Errorf("seed %d: opted out: %t", seed, got)
		}
		if n := one[int](f, `SELECT count(*) FROM opt_outs WHERE heard_by LIKE 'SM%' AND since IS DISTINCT FROM cleared_at`); n != 0 {
			t.Errorf("seed %d: %d opt-outs of the classic webhook are left, want none", seed, n)
		}
		got, err := f.Rehearse(t.Context())
		must(t, err)
		if len(got.Differences) > 0 {
			t.Errorf("seed %d: replayed differently: %+v", seed, got.Differences)
		}
	}
}
