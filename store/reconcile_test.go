package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"textme/chat"
)

// polled makes the i-th customer's conversation live and due since ago.
func (f *fixture) polled(i int, ago time.Duration) uuid.UUID {
	f.t.Helper()
	phone := chat.Phone(fmt.Sprintf("+1415555%04d", i))
	id := f.live(phone, chat.ConversationSID(fmt.Sprintf("CH%032x", i)), chat.ParticipantSID(fmt.Sprintf("MB%032x", i)))
	f.exec(`UPDATE messages SET status = 'accepted' WHERE conversation_id = $1`, id)
	f.exec(`UPDATE conversations SET reconcile_at = now() - $2::interval WHERE id = $1`, id, ago)
	return id
}

func (f *fixture) exec(q string, args ...any) {
	f.t.Helper()
	_, err := f.db.Exec(f.t.Context(), q, args...)
	must(f.t, err)
}

func (f *fixture) claims(most int) (ids []uuid.UUID) {
	f.t.Helper()
	polls, err := f.ClaimPolls(f.t.Context(), most, time.Minute)
	must(f.t, err)
	for _, p := range polls {
		ids = append(ids, p.ConversationID)
	}
	return ids
}

// Each due conversation is claimed once, those with texts waiting first, quiet
// ones last.
func TestClaimPolls(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	late, waiting, due := f.polled(1, time.Hour), f.polled(2, time.Minute), f.polled(3, time.Second)
	f.polled(4, -time.Minute)
	quiet := f.polled(5, 2*time.Hour)
	f.exec(`UPDATE conversations SET last_activity_at = now() - interval '2 days' WHERE id = $1`, quiet)
	f.exec(`UPDATE messages SET status = 'queued' WHERE conversation_id = $1`, waiting)
	for i, want := range [][]uuid.UUID{{waiting}, {late}, {due}, {quiet}, nil} {
		if diff := cmp.Diff(want, f.claims(1)); diff != "" {
			t.Errorf("claim %d (-want +got):\n%s", i, diff)
		}
	}
	f.exec(`UPDATE conversations SET reconcile_at = now() - interval '1 second'`)
	must(t, f.HoldCalls(t.Context(), time.Hour))
	if got := f.claims(10); len(got) != 0 {
		t.Errorf("%d claims while Twilio asked to wait, want none", len(got))
	}
}

// Conversations with texts waiting, however many, leave half of a claim to others
// that are due as long.
func TestClaimPollsLeavesRoom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 20 {
		f.exec(`UPDATE messages SET status = 'queued' WHERE conversation_id = $1`, f.polled(i, time.Minute))
	}
	one, other := f.polled(20, 3*time.Minute), f.polled(21, 2*time.Minute)
	if claimed := f.claims(4); len(claimed) != 4 || !slices.Contains(claimed, one) || !slices.Contains(claimed, other) {
		t.Errorf("claimed %v, want four with %v and %v among them", claimed, one, other)
	}
	if got := f.claims(20); len(got) != 18 {
		t.Errorf("%d were claimed, want the 18 that are left", len(got))
	}
}

// Active conversations, more than can be polled, leave room to quiet ones, and both to
// those that an outage has left to be compared, due or not.
func TestClaimPollsOfQuiet(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for i := range 20 {
		f.polled(i, time.Hour)
	}
	quiet, uncompared := f.polled(20, 2*time.Hour), f.polled(21, -72*time.Hour)
	f.exec(`UPDATE conversations SET last_activity_at = now() - interval '9 days' WHERE id = ANY($1)`, []uuid.UUID{quiet, uncompared})
	f.exec(`UPDATE conversations SET mapping_checked_at = now() - interval '1 day' WHERE id = $1`, uncompared)
	f.exec(`INSERT INTO looks (scope, outage_ended_at) VALUES ('conversations', now() - interval '2 hours')`)
	if claimed := f.claims(10); len(claimed) < 9 || !slices.Contains(claimed, quiet) || !slices.Contains(claimed, uncompared) {
		t.Errorf("claimed %v, want nearly ten with %v and %v among them", claimed, quiet, uncompared)
	}
}

// What was claimed and not polled is due as it was, unless it is never to be.
func TestUnclaimPolls(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	due, gone := f.polled(1, time.Hour), f.polled(2, time.Minute)
	was := one[time.Time](f, `SELECT reconcile_at FROM conversations WHERE id = $1`, due)
	polls, err := f.ClaimPolls(t.Context(), 10, time.Minute)
	must(t, err)
	f.exec(`UPDATE conversations SET reconcile_at = NULL WHERE id = $1`, gone)
	must(t, f.UnclaimPolls(t.Context(), polls))
	again, err := f.ClaimPolls(t.Context(), 10, time.Minute)
	must(t, err)
	if len(again) != 1 || again[0].ConversationID != due || !again[0].DueAt.Equal(was) {
		t.Errorf("claimed %+v after %+v", again, polls)
	}
}

// What another replica is just claiming is passed by, not waited for.
func TestClaimPollsSkipsLocked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	locked, free := f.polled(1, time.Hour), f.polled(2, time.Minute)
	tx, err := f.db.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), `SELECT FROM conversations WHERE id = $1 FOR NO KEY UPDATE`, locked)
	must(t, err)
	if diff := cmp.Diff([]uuid.UUID{free}, f.claims(10)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	must(t, tx.Rollback(t.Context()))
}

func TestFinishPoll(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const active = `UPDATE conversations SET last_activity_at = now() + interval '1 second' WHERE id = $1`
	const madeDue = `UPDATE conversations SET reconcile_at = now(), mapping_checked_at = 'epoch' WHERE id = $1` // as by PollAll
	tests := map[string]struct {
		done   func(*chat.PollDone)
		during string // what happens during the poll
		want   string
	}{
		"quiet":        {func(d *chat.PollDone) { d.Next, d.IfActive = 6*time.Hour, time.Minute }, "", "06:00:00 -1 f"},
		"active":       {func(d *chat.PollDone) { d.Next, d.IfActive = 6*time.Hour, time.Minute }, active, "00:01:00 -1 f"},
		"forgotten":    {func(d *chat.PollDone) { d.IfActive = time.Minute }, "", "never -1 f"},
		"gone":         {func(*chat.PollDone) {}, active, "never -1 f"},
		"gaps checked": {func(d *chat.PollDone) { d.GapsChecked, d.Mapping = 7, true }, "", "never 7 t"},
		"made due":     {func(d *chat.PollDone) { d.Next, d.IfActive = 6*time.Hour, 6*time.Hour }, madeDue, "00:00:00 -1 f"},
	}
	i := 0
	for name, tt := range tests {
		i++
		id := f.polled(i, time.Minute)
		f.exec(`UPDATE conversations SET mapping_checked_at = now() - interval '1 hour' WHERE id = $1`, id)
		polls, err := f.ClaimPolls(t.Context(), 10, time.Minute)
		must(t, err)
		if len(polls) != 1 || polls[0].ConversationID != id || polls[0].State != chat.Active || time.Since(polls[0].DueAt) < time.Minute {
			t.Fatalf("%s: claimed %+v", name, polls)
		}
		if tt.during != "" {
			f.exec(tt.during, id)
		}
		done := chat.PollDone{Poll: polls[0]}
		tt.done(&done)
		must(t, f.FinishPoll(t.Context(), done))
		const q = `SELECT format('%s %s %s', coalesce((date_trunc('minute', reconcile_at - now() + interval '30 seconds'))::text, 'never'), gaps_checked_through, mapping_checked_at > now() - interval '1 minute')
			FROM conversations WHERE id = $1`
		if got := one[string](f, q, id); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
		f.exec(`UPDATE conversations SET reconcile_at = NULL WHERE id = $1`, id)
	}
}

// Delivery is asked about ever less, and no more after a day.
func TestUndelivered(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.polled(1, time.Minute)
	tests := []struct {
		name    string
		status  chat.Status
		age     time.Duration
		checked time.Duration // how old it was when it was last asked about; 0: never
		want    bool
	}{
		{"new", chat.Accepted, 30 * time.Second, 0, false},
		{"never asked about", chat.Sent, 2 * time.Minute, 0, true},
		{"asked about lately", chat.Sent, 10 * time.Minute, 6 * time.Minute, false},
		{"asked about when half as old", chat.Sent, 10 * time.Minute, 4 * time.Minute, true},
		{"asked about at the end of the day", chat.Sent, 90 * time.Hour, 25 * time.Hour, false},
		{"not asked about for days", chat.Accepted, 90 * time.Hour, 0, true},
		{"delivered", chat.Delivered, time.Hour, 0, false},
		{"failed", chat.Undelivered, time.Hour, 0, false},
	}
	for i, tt := range tests {
		sid := im(i)
		f.exec(`INSERT INTO messages (id, conversation_id, message_sid, index, direction, status, twilio_at, receipts_checked_at)
			VALUES ($1, $2, $3, $4, 'out', $5, now() - $6::interval, now() - $6::interval + nullif($7, interval '0'))`,
			uuid.New(), id, sid, i, tt.status, tt.age, tt.checked)
		got, err := f.Undelivered(t.Context(), id, 10)
		must(t, err)
		var want []chat.MessageSID
		if tt.want {
			want = []chat.MessageSID{sid}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		must(t, f.FinishPoll(t.Context(), chat.PollDone{Poll: chat.Poll{ConversationID: id}, Asked: []chat.MessageSID{sid}}))
		f.exec(`UPDATE messages SET status = 'delivered' WHERE message_sid = $1`, sid)
	}
	if n := one[int](f, `SELECT count(*) FROM messages WHERE receipts_checked_at > now() - interval '1 minute'`); n != len(tests) {
		t.Errorf("%d messages are noted as asked about, want %d", n, len(tests))
	}
}

// A worker that has done its work sees to it that the conversation is polled.
func TestFinishSchedulesPoll(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.live(ann, ch1, mb1)
	const minutes = `SELECT coalesce(round(extract(epoch FROM reconcile_at - now()) / 60), -1)::int FROM conversations WHERE id = $1`
	for _, tt := range []struct {
		name string
		was  any // interval until the poll that is planned already
		poll time.Duration
		want int
	}{
		{"polling is off", nil, 0, -1},
		{"none is planned", nil, 10 * time.Minute, 10},
		{"a later one is planned", "5 hours", 10 * time.Minute, 10},
		{"a sooner one is planned", "3 minutes", 10 * time.Minute, 3},
	} {
		f.exec(`UPDATE conversations SET work_seq = work_seq + 1, reconcile_at = now() + $2::text::interval WHERE id = $1`, id, tt.was)
		lease := f.lease(id)
		if _, err := f.Finish(t.Context(), lease, tt.poll); err != nil {
			t.Fatal(err)
		}
		if got := one[int](f, minutes, id); got != tt.want {
			t.Errorf("%s: polled in %d minutes, want %d", tt.name, got, tt.want)
		}
	}
}

// Conversations that belong to no row, by SID or by name, are looked at.
func TestLook(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	before := f.polled(9, -time.Hour)
	f.exec(`UPDATE conversations SET reconcile_at = NULL WHERE id = $1`, before) // nobody polled
	if _, due, err := f.ClaimLook(ctx, time.Minute, time.Hour); err != nil || due {
		t.Fatalf("the first look: due %t, %v; want none", due, err)
	}
	if diff := cmp.Diff([]uuid.UUID{before}, f.claims(10)); diff != "" {
		t.Errorf("compared because of the first look (-want +got):\n%s", diff)
	}
	f.exec(`UPDATE looks SET next_at = now(), seen_through = now() - interval '6 hours'`)
	since, due, err := f.ClaimLook(ctx, time.Minute, time.Hour)
	if err != nil || !due || time.Since(since).Round(time.Hour) != 6*time.Hour {
		t.Fatalf("after six hours: due %t since %v, %v", due, since, err)
	}
	if _, again, err := f.ClaimLook(ctx, time.Minute, time.Hour); err != nil || again {
		t.Fatalf("a second replica: due %t, %v", again, err)
	}
	f.live(ann, ch1, mb1)
	creating, _ := f.conversation(bob)
	found := []chat.RemoteConversation{
		{SID: ch1},
		{SID: ch2, UniqueName: "textme-" + creating.String()},
		{SID: "CH33333333333333333333333333333333"},
		{SID: "CH44444444444444444444444444444444", UniqueName: "textme-" + uuid.NewString()},
		{SID: "CH55555555555555555555555555555555", UniqueName: "textme-nonsense"},
	}
	f.jobs = nil
	through := time.Now().Truncate(time.Microsecond)
	n, err := f.FinishLook(ctx, found, through, 10*time.Minute, time.Hour)
	must(t, err)
	if got := one[time.Duration](f, `SELECT next_at - now() FROM looks`); got < 9*time.Minute {
		t.Errorf("the next look is in %v, want ten minutes", got)
	}
	want := []chat.Job{chat.AdoptJob{ConversationSID: found[2].SID}, chat.AdoptJob{ConversationSID: found[3].SID}, chat.AdoptJob{ConversationSID: found[4].SID}}
	if diff := cmp.Diff(want, f.jobs); diff != "" || n != len(want) {
		t.Errorf("%d unknown, jobs (-want +got):\n%s", n, diff)
	}
	if got := one[time.Time](f, `SELECT seen_through FROM looks`); !got.Equal(through) {
		t.Errorf("seen through %v, want %v", got, through)
	}
	for _, tt := range []struct{ after, want time.Duration }{{10 * time.Second, 10 * time.Second}, {time.Hour, time.Hour}} {
		must(t, f.LookAgain(ctx, tt.after))
		if got := one[time.Duration](f, `SELECT next_at - now() FROM looks`); got > tt.want || got < tt.want/2 {
			t.Errorf("told to look again after %v, the next look is in %v", tt.after, got)
		}
	}
}
