package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// Merge gives this conversation's sign-ups to the row that has sid: that row
// is opened again, this one closes. Who takes part at Twilio may have changed
// while it was closed, so its worker looks for the participant anew. While a text
// may have left of this row or of one that had taken the other's sign-ups over,
// chat.ErrInTheDark.
func (s *Store) Merge(ctx context.Context, lease chat.Lease, sid chat.ConversationSID) error {
	return s.locked(ctx, "merge", lease, func(tx pgx.Tx) error {
		const find = `/* store.Merge */
			SELECT id FROM conversations
			WHERE conversation_sid = $2 AND (customer_id, sender) = (SELECT customer_id, sender FROM conversations WHERE id = $1)
			FOR NO KEY UPDATE`
		var into uuid.UUID
		if err := tx.QueryRow(ctx, find, lease.ConversationID, sid).Scan(&into); err != nil {
			return err
		}
		sending, err := s.closeRow(ctx, tx, lease.ConversationID, "continued in an earlier conversation")
		if err != nil {
			return err
		}
		if sending { // or it would be sent a second time
			return chat.ErrInTheDark
		}
		if err := reopenRow(ctx, tx, into); err != nil {
			return err
		}
		if err := mergeInto(ctx, tx, lease.ConversationID, into); err != nil {
			return err
		}
		if err := s.discardUnused(ctx, tx, lease.ConversationID); err != nil {
			return err
		}
		return s.wakeOne(ctx, tx, into)
	})
}

// Reopen brings a closed row back whose conversation lives at Twilio with the pair
// in it. An open row of the pair has lost it then and closes, as in
// AdoptConversation, unless its worker is going to meet this conversation. Nobody
// is sent to look whether that is so: adding the pair again tells this row's worker.
// While a text may have left of another row that had taken its sign-ups over,
// chat.ErrInTheDark.
func (s *Store) Reopen(ctx context.Context, lease chat.Lease) (reopened bool, err error) {
	err = s.locked(ctx, "reopen", lease, func(tx pgx.Tx) error {
		const q = `/* store.Reopen */ SELECT customer_id, sender FROM conversations WHERE id = $1 AND state = 'closed'`
		var customer uuid.UUID
		var sender chat.Phone
		closed, err := optional(tx.QueryRow(ctx, q, lease.ConversationID).Scan(&customer, &sender))
		reopened = false
		if err != nil || !closed {
			return err
		}
		free, was, err := s.clearPair(ctx, tx, customer, sender, "replaced by an earlier conversation at Twilio")
		if err != nil || !free {
			return err
		}
		if err := reopenRow(ctx, tx, lease.ConversationID); err != nil {
			return err
		}
		reopened = true
		if !was.owes {
			return nil
		}
		return mergeInto(ctx, tx, was.id, lease.ConversationID)
	})
	return reopened, err
}

// reopenRow makes a row pending again. Who takes part at Twilio is looked up anew.
// What staff and the bot wrote and the row's end kept from leaving leaves now, unless
// it is too old to be an answer; the welcome is seen to by whoever makes the row
// active. If another row had taken its sign-ups over, and has closed, it takes that
// one's in turn; while a text of that one's may have left, chat.ErrInTheDark.
func reopenRow(ctx context.Context, tx pgx.Tx, conversation uuid.UUID) error {
	const taken = `/* store.reopenRow */
		SELECT merged_into, EXISTS (SELECT FROM messages WHERE conversation_id = merged_into AND status = 'sending')
		FROM conversations WHERE id = $1 AND merged_into IS NOT NULL`
	var heir uuid.UUID
	var sending bool
	found, err := optional(tx.QueryRow(ctx, taken, conversation).Scan(&heir, &sending))
	switch {
	case err != nil:
		return err
	case sending:
		return chat.ErrInTheDark
	case found:
		if err := mergeInto(ctx, tx, heir, conversation); err != nil {
			return err
		}
	}
	const q = `/* store.reopenRow */
		UPDATE conversations SET state = 'pending', participant_sid = NULL, former_participants = ` + withFormer + `,
			state_at = now(), closed_at = NULL, merged_into = NULL, failure_code = 0, failure_reason = '', failed_at = NULL
		WHERE id = $1`
	if _, err := tx.Exec(ctx, q, conversation); err != nil {
		return err
	}
	const again = `/* store.reopenRow */
		UPDATE messages m SET status = 'queued', reason = '' WHERE m.conversation_id = $1
			AND m.purpose IN ('agent', 'reply') AND m.created_at > now() - $2::interval AND ` + undone
	_, err = tx.Exec(ctx, again, conversation, chat.ReplyAge)
	return err
}
