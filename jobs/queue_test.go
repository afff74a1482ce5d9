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
