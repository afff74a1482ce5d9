package store_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"textme/chat"
)

// A row whose text may have left gives its sign-ups to another only when that
// text has been looked for: else the other would welcome the person again.
func TestMergeWaitsForTheLook(t *testing.T) {
	t.Parallel()
	for status, merged := range map[string]bool{"sending": false, "queued": true} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			ctx := t.Context()
			into := f.live(ann, ch1, mb1)
			_, err := f.db.Exec(ctx, `UPDATE conversations SET state = 'closed', closed_at = now(), lease_token = NULL, lease_until = NULL`)
			must(t, err)
			id, lease := f.conversation(ann)
			_, err = f.db.Exec(ctx, `INSERT INTO messages (id, conversation_id, direction, purpose, author, body, status)
				VALUES ($1, $2, 'out', 'welcome', 'bot', 'Welcome', $3)`, uuid.New(), id, status)
			must(t, err)
			if err := f.Merge(ctx, lease, ch1); errors.Is(err, chat.ErrInTheDark) == merged {
				t.Errorf("got %v", err)
			}
			if got := one[bool](f, `SELECT merged_into IS NOT DISTINCT FROM $2 AND state = 'closed' FROM conversations WHERE id = $1`, id, into); got != merged {
				t.Errorf("merged is %t, want %t", got, merged)
			}
			if got := one[string](f, `SELECT state FROM conversations WHERE id = $1`, into); got == "pending" != merged {
				t.Errorf("the other row is %s", got)
			}
		})
	}
}
