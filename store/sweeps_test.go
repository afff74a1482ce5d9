package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"textme/chat"
)

// A dead worker's conversation is woken as soon as its lease has run out, and
// again only when the job had its time.
func TestSweepWakesOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.conversation(ann)
	sweep := func(want int) {
		t.Helper()
		woken, err := f.WakeForgotten(t.Context(), time.Minute)
		must(t, err)
		if woken != want {
			t.Errorf("%d woken, want %d", woken, want)
		}
	}
	sweep(0)
	_, err := f.db.Exec(t.Context(), `UPDATE conversations SET lease_until = now() - interval '1 second'`)
	must(t, err)
	sweep(1)
	sweep(0)
	_, err = f.db.Exec(t.Context(), `UPDATE conversations SET retry_at = retry_at - interval '61 seconds'`)
	must(t, err)
	sweep(1)
}

// While the queue is behind, the job of who waits is late and not lost; that of who was
// first is lost, and so is a dead worker's.
func TestSweepOfAQueueBehind(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signsUp := func(phone chat.Phone, ago time.Duration) uuid.UUID {
		t.Helper()
		r, err := f.RecordSignup(t.Context(), f.signup(phone))
		must(t, err)
		f.exec(`UPDATE conversations SET last_activity_at = now() - $1::interval WHERE id = $2`, ago, r.ConversationID)
		return r.ConversationID
	}
	// Its worker died; its turn has passed; it has just been taken; it waits.
	dead, _ := f.conversation(ann)
	f.exec(`UPDATE conversations SET lease_until = now() - interval '1 second'`)
	first := signsUp(bob, 62*time.Minute)
	signsUp("+14155550144", 60*time.Minute+30*time.Second)
	signsUp("+14155550145", 59*time.Minute)
	f.behind, f.jobs = time.Hour, nil
	for range 2 {
		_, err := f.WakeForgotten(t.Context(), time.Minute)
		must(t, err)
		f.exec(`UPDATE conversations SET retry_at = retry_at - interval '30 minutes'`)
	}
	got := map[chat.Job]int{}
	for _, job := range f.jobs {
		got[job]++
	}
	want := map[chat.Job]int{chat.AdvanceJob{ConversationID: dead}: 1, chat.AdvanceJob{ConversationID: first}: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("woken, and how often (-want +got):\n%s", diff)
	}
	f.behind = 0
	woken, err := f.WakeForgotten(t.Context(), time.Minute)
	must(t, err)
	if woken != 4 {
		t.Errorf("no longer behind, %d are woken, want all", woken)
	}
}

// While events stay parked, their conversation is seen to ever less often, and once
// however many they are.
func TestSweepOfParkedEvents(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		age  time.Duration
		next time.Duration // until it is to be seen to; 0: never seen to
		want bool
	}{
		"new":            {20 * time.Second, 0, false},
		"never seen to":  {40 * time.Second, 0, true},
		"seen to lately": {10 * time.Minute, time.Second, false},
		"its time":       {10 * time.Minute, -time.Second, true},
	} {
		f := newFixture(t)
		f.apply(f.text(ch1, mb1, ann, 0, "whose?"))
		f.exec(`UPDATE events SET received_at = now() - $1::interval, sweep_at = now() + nullif($2, interval '0')`, tt.age, tt.next)
		f.apply(f.text(ch1, mb1, ann, 1, "and this?"))
		f.exec(`UPDATE events SET received_at = received_at - $1::interval WHERE message_sid = $2`, tt.age-time.Second, im(1))
		f.jobs = nil
		for range 3 {
			_, err := f.WakeForgotten(t.Context(), 30*time.Second)
			must(t, err)
		}
		var want []chat.Job
		if tt.want {
			want = []chat.Job{chat.AdoptJob{ConversationSID: ch1}}
		}
		if diff := cmp.Diff(want, f.jobs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// An outage of a day does not breed a job every few minutes: those that there are try
// again by themselves. Where a row of ours is going to take the events, and may fail
// to, it is looked at more often.
func TestSweepsOfADay(t *testing.T) {
	t.Parallel()
	day := func(f *fixture, each func()) (adoptions int) {
		f.jobs = nil
		for range 24 * 6 {
			f.exec(`UPDATE events SET received_at = received_at - interval '601 seconds', sweep_at = sweep_at - interval '601 seconds'`)
			_, err := f.WakeForgotten(t.Context(), 30*time.Second)
			must(t, err)
			each()
		}
		for _, j := range f.jobs {
			if _, ok := j.(chat.AdoptJob); ok {
				adoptions++
			}
		}
		return adoptions
	}
	f := newFixture(t)
	f.apply(f.text(ch1, mb1, ann, 0, "whose?"))
	if n := day(f, func() {}); n > 10 {
		t.Errorf("%d jobs, want at the most 10", n)
	}
	f.conversation(ann)
	ad := chat.Adoption{SID: ch1, Participant: chat.RemoteParticipant{SID: mb1, Address: ann, ProxyAddress: sender}}
	must(t, f.AdoptConversation(t.Context(), ad))
	if n := day(f, func() { must(t, f.AdoptConversation(t.Context(), ad)) }); n < 100 {
		t.Errorf("%d jobs for a pending row, want about one in ten minutes", n)
	}
}
