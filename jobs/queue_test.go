package jobs

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"textme/chat"
)

// What Enqueue inserts is what River would have inserted.
func TestEnqueueAsRiverDoes(t *testing.T) {
	t.Parallel()
	ch := chat.ConversationSID("CH0123456789abcdef0123456789abcdef")
	tests := map[string]struct {
		job  chat.Job
		opts river.InsertOpts
	}{
		"advance": {chat.AdvanceJob{ConversationID: uuid.New()}, river.InsertOpts{}},
		"adopt":   {chat.AdoptJob{ConversationSID: ch}, river.InsertOpts{}},
		"discard": {chat.DiscardJob{Conversation: chat.ConversationRef(ch)}, river.InsertOpts{Queue: background, ScheduledAt: time.Now().Add(discardAfter)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, pool := newTestQueue(t)
			_, err := q.client.Insert(t.Context(), tt.job, &tt.opts)
			must(t, err)
			enqueue(t, q, pool, tt.job)
			const columns = `SELECT to_jsonb(j) - 'id' - 'created_at' - 'scheduled_at'
				|| jsonb_build_object('scheduled_in', round(extract(epoch FROM scheduled_at - now()) / 60)) FROM river_job j ORDER BY id`
			rows, err := pool.Query(t.Context(), columns)
			must(t, err)
			inserted, err := pgx.CollectRows(rows, pgx.RowTo[map[string]any])
			must(t, err)
			if len(inserted) != 2 {
				t.Fatalf("%d jobs, want River's and ours", len(inserted))
			}
			if diff := cmp.Diff(inserted[0], inserted[1]); diff != "" {
				t.Errorf("job (-river +ours):\n%s", diff)
			}
		})
	}
}

// Whatever waits for its time is pulled forward and leaves no twin behind, so that the
// jobs of a conversation do not become more, however often that is done. Only where none
// waits, one is inserted; what is running, done or another's stays as it is.
func TestHasten(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		states []string // of its jobs, the first of which is due first
		want   []string // afterwards, due or not
	}{
		"none":               {nil, []string{"available due"}},
		"it snoozes":         {[]string{"scheduled"}, []string{"available due"}},
		"for a short while":  {[]string{"available"}, []string{"available due"}},
		"it is tried again":  {[]string{"retryable"}, []string{"available due"}},
		"several wait":       {[]string{"scheduled", "retryable", "scheduled"}, []string{"available due"}},
		"one is running":     {[]string{"running"}, []string{"running", "available due"}},
		"and another waits":  {[]string{"running", "scheduled", "scheduled"}, []string{"running", "available due"}},
		"one has been done":  {[]string{"completed"}, []string{"completed", "available due"}},
		"one was given up":   {[]string{"discarded"}, []string{"discarded", "available due"}},
		"one was called off": {[]string{"cancelled", "scheduled"}, []string{"cancelled", "available due"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, pool := newTestQueue(t)
			it, other := chat.AdvanceJob{ConversationID: uuid.New()}, chat.AdvanceJob{ConversationID: uuid.New()}
			insert := func(of chat.AdvanceJob, kind, state string, after time.Duration) {
				_, err := pool.Exec(t.Context(), `
					INSERT INTO river_job (kind, args, queue, max_attempts, attempt, state, scheduled_at, finalized_at, attempted_at)
					SELECT $1, jsonb_build_object('conversation_id', $2::text), 'default', 100, 1, s, now() + $4::interval,
						CASE WHEN s IN ('completed', 'discarded', 'cancelled') THEN now() END, now()
					FROM (SELECT $3::text::river_job_state) AS _ (s)`, kind, of.ConversationID, state, after)
				must(t, err)
			}
			insert(other, it.Kind(), "scheduled", time.Hour)
			insert(it, "another", "scheduled", time.Hour)
			for i, state := range tt.states {
				insert(it, it.Kind(), state, time.Hour+time.Duration(i)*time.Minute)
			}
			for range 2 { // once more changes nothing
				var b pgx.Batch
				q.Hasten(&b, it)
				must(t, pool.SendBatch(t.Context(), &b).Close())
			}
			list := func(q string, args ...any) []string {
				rows, err := pool.Query(t.Context(), q, args...)
				must(t, err)
				states, err := pgx.CollectRows(rows, pgx.RowTo[string])
				must(t, err)
				return states
			}
			const its = `SELECT state || CASE WHEN scheduled_at <= now() THEN ' due' ELSE '' END
				FROM river_job WHERE kind = $1 AND args = jsonb_build_object('conversation_id', $2::text) ORDER BY id`
			if diff := cmp.Diff(tt.want, list(its, it.Kind(), it.ConversationID)); diff != "" {
				t.Errorf("its jobs (-want +got):\n%s", diff)
			}
			const others = `SELECT state::text FROM river_job WHERE NOT (kind = $1 AND args = jsonb_build_object('conversation_id', $2::text)) ORDER BY id`
			if diff := cmp.Diff([]string{"scheduled", "scheduled"}, list(others, it.Kind(), it.ConversationID)); diff != "" {
				t.Errorf("the others' jobs (-want +got):\n%s", diff)
			}
		})
	}
}

// Announcements that come together are told together, and one that comes after
// a NOTIFY is told again.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, pool.Config().ConnString())
	must(t, err)
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, `LISTEN "public.river_insert"`)
	must(t, err)
	for range 2 {
		q.Announce()
		n, err := conn.WaitForNotification(ctx)
		must(t, err)
		if want := `{"queue": "default"}`; n.Payload != want {
			t.Errorf("payload %q, want %q", n.Payload, want)
		}
	}
}
