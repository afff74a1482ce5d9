package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// Why texts do not leave that their conversation's end has overtaken. Whether one
// has left may never be known, when there is nothing to look in any more.
const (
	conversationFailed = "the conversation failed"
	conversationClosed = "the conversation was closed"
	conversationOver   = "the conversation ended before it was known whether this had left"
)

// CloseConversation records that the conversation is over. If it still owes a
// sign-up its outcome or its welcome text, the pair's open row takes over, a
// new one if there is none. A row that is closed already keeps its reason. A text
// that was being sent keeps the row's worker awake until it has been looked for,
// and only then is it known what is owed; with looked that was done, or cannot be,
// and it becomes failed. What a create call may have made for a row without
// a SID is discarded.
func (s *Store) CloseConversation(ctx context.Context, lease chat.Lease, reason string, looked bool) error {
	return s.locked(ctx, "close conversation", lease, func(tx pgx.Tx) error {
		if err := s.end(ctx, tx, lease.ConversationID, reason, looked); err != nil {
			return err
		}
		const q = `/* store.CloseConversation */ SELECT conversation_sid IS NULL FROM conversations WHERE id = $1`
		var nameless bool
		if err := tx.QueryRow(ctx, q, lease.ConversationID).Scan(&nameless); err != nil || !nameless {
			return err
		}
		return s.discardUnused(ctx, tx, lease.ConversationID)
	})
}

// WrapUp does as CloseConversation for a row that is closed, with what was being
// sent looked for. Another row may have been merged into it meanwhile: then it is
// open again, and stays so.
func (s *Store) WrapUp(ctx context.Context, lease chat.Lease) error {
	return s.locked(ctx, "wrap up", lease, func(tx pgx.Tx) error {
		const q = `/* store.WrapUp */ SELECT state FROM conversations WHERE id = $1`
		var state chat.State
		if err := tx.QueryRow(ctx, q, lease.ConversationID).Scan(&state); err != nil || state != chat.Closed {
			return err
		}
		return s.end(ctx, tx, lease.ConversationID, "", true)
	})
}

// end closes the row, if it is not closed, and gives what it owes to another as
// soon as that is known.
func (s *Store) end(ctx context.Context, tx pgx.Tx, conversation uuid.UUID, reason string, looked bool) error {
	owes, err := takeStock(ctx, tx, conversation)
	if err != nil {
		return err
	}
	if looked {
		const q = `/* store.end */
			UPDATE messages SET status = 'failed', reason = $2 WHERE conversation_id = $1 AND status = 'sending'`
		if _, err := tx.Exec(ctx, q, conversation, conversationOver); err != nil {
			return err
		}
	}
	sending, err := s.closeRow(ctx, tx, conversation, reason)
	if err != nil || !owes || sending {
		return err
	}
	return s.succeed(ctx, tx, conversation)
}

// takeStock reports whether a sign-up of a row that ends is undecided, or admitted
// without its welcome text having been sent or given up for a reason of its
// own, such as a STOP, and no other row has taken that over. Whoever was admitted or
// joined while out of the conversation, and never came back to it, was promised one
// that lives: about them the row that takes over decides anew.
func takeStock(ctx context.Context, tx pgx.Tx, conversation uuid.UUID) (owes bool, err error) {
	const undecide = `/* store.takeStock */
		DELETE FROM signup_outcomes o USING conversations c
		WHERE c.id = $1 AND c.merged_into IS NULL AND o.outcome IN ('admitted', 'joined')
			AND o.signup_id = ANY (ARRAY(SELECT id FROM signups WHERE conversation_id = ANY ` + members + `))
			AND o.decided_at > (SELECT max(live_at) FROM conversations WHERE id = ANY ` + members + `)`
	if _, err := tx.Exec(ctx, undecide, conversation); err != nil {
		return false, err
	}
	const q = `/* store.takeStock */
		SELECT c.merged_into IS NULL AND (bool_or(o.signup_id IS NULL) OR bool_or(o.outcome = 'admitted' AND NOT ` + served + `)
			AND NOT EXISTS (SELECT FROM messages m WHERE m.conversation_id = $1 AND m.purpose = 'welcome' AND NOT ` + undone + `
				AND (m.message_sid IS NOT NULL OR m.status NOT IN ('queued', 'sending'))))
		FROM conversations c, signups g LEFT JOIN signup_outcomes o ON o.signup_id = g.id
		WHERE c.id = $1 AND g.conversation_id = ANY ` + members + ` GROUP BY c.id`
	_, err = optional(tx.QueryRow(ctx, q, conversation).Scan(&owes))
	return owes, err
}

// closeRow closes a row, once, cancels what it had queued and has its worker look
// for what was being sent, if anything was: only then is it known what it owes.
func (s *Store) closeRow(ctx context.Context, tx pgx.Tx, conversation uuid.UUID, reason string) (sending bool, err error) {
	const q = `/* store.closeRow */
		UPDATE conversations SET state = 'closed', state_at = now(), closed_at = now(), failure_reason = $2
		WHERE id = $1 AND state <> 'closed'`
	if _, err := tx.Exec(ctx, q, conversation, reason); err != nil {
		return false, err
	}
	const sends = `/* store.closeRow */ SELECT EXISTS (SELECT FROM messages WHERE conversation_id = $1 AND status = 'sending')`
	if err := tx.QueryRow(ctx, sends, conversation).Scan(&sending); err != nil {
		return false, err
	}
	if sending {
		if err := s.wakeOne(ctx, tx, conversation); err != nil {
			return false, err
		}
	}
	var b pgx.Batch
	queueCancelQueued(&b, conversation, conversationClosed)
	return sending, tx.SendBatch(ctx, &b).Close()
}

// queueCancelQueued gives up the texts that never left.
func queueCancelQueued(b *pgx.Batch, conversation uuid.UUID, reason string) {
	const q = `/* store.cancelQueued */
		UPDATE messages SET status = 'cancelled', reason = $2 WHERE conversation_id = $1 AND status = 'queued'`
	b.Queue(q, conversation, reason)
}

// succeed lets a new pending row take over what a closed one owes.
func (s *Store) succeed(ctx context.Context, tx pgx.Tx, conversation uuid.UUID) error {
	const q = `/* store.succeed */
		INSERT INTO conversations (id, customer_id, sender, source_id)
		SELECT $2, customer_id, sender, source_id FROM conversations WHERE id = $1
		ON CONFLICT (sender, customer_id) WHERE state <> 'closed' DO UPDATE SET last_activity_at = now()
		RETURNING id`
	var heir uuid.UUID
	if err := tx.QueryRow(ctx, q, conversation, newID()).Scan(&heir); err != nil {
		return err
	}
	return s.inherit(ctx, tx, conversation, heir)
}

// inherit makes the sign-ups of a closed row, and of those merged into it, the
// heir's, and wakes the heir. If that has failed, so have they.
func (s *Store) inherit(ctx context.Context, tx pgx.Tx, conversation, heir uuid.UUID) error {
	if err := mergeInto(ctx, tx, conversation, heir); err != nil {
		return err
	}
	var b pgx.Batch
	queueFailSignups(&b, heir)
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	return s.wakeOne(ctx, tx, heir)
}

// mergeInto makes the sign-ups of a closed row another's. Rows merged into it
// before follow it, so that a chain is never longer than one.
func mergeInto(ctx context.Context, tx pgx.Tx, conversation, into uuid.UUID) error {
	const q = `/* store.mergeInto */ UPDATE conversations SET merged_into = $2 WHERE id = $1 OR merged_into = $1`
	_, err := tx.Exec(ctx, q, conversation, into)
	return err
}
