package store_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"textme/chat"
)

// The create call had no answer when another system took the pair, so the row
// failed. Tried again it closes, since its sign-up is refused: what that call may
// have made is discarded. Without such a call there is nothing to discard.
func TestClosedAfterACreateCall(t *testing.T) {
	t.Parallel()
	for _, called := range []bool{true, false} {
		f := newFixture(t)
		ctx := t.Context()
		id, lease := f.conversation(ann)
		if called {
			must(t, f.MarkCreating(ctx, lease))
		}
		must(t, f.FailConversation(ctx, lease, 50416, "foreign"))
		tried, err := f.TryAgain(ctx, id, chat.AuditEntry{Actor: "admin:rosa", Action: "try-again", Subject: id.String()})
		must(t, err)
		signup := one[uuid.UUID](f, `SELECT id FROM signups`)
		must(t, f.Decide(ctx, lease, []chat.Decision{{SignupID: signup, Outcome: chat.Refused, Reason: "the region is not served"}}, false))
		must(t, f.CloseConversation(ctx, lease, "no sign-up was admitted", false))
		name := one[chat.ConversationRef](f, `SELECT unique_name FROM conversations`)
		discarded := slices.Contains(f.jobs, chat.Job(chat.DiscardJob{Conversation: name}))
		if !tried || discarded != called {
			t.Errorf("tried again: %t; create called: %t, discarded: %t", tried, called, discarded)
		}
	}
}
