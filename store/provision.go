package store

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// MarkCreating remembers that a create call is about to begin: from now on the
// conversation may exist at Twilio under our unique name.
func (s *Store) MarkCreating(ctx context.Context, lease chat.Lease) error {
	return s.fenced(ctx, "mark creating", lease, func(b *pgx.Batch) {
		const q = `/* store.MarkCreating */
			UPDATE conversations SET create_attempted_at = coalesce(create_attempted_at, now()) WHERE id = $1`
		b.Queue(q, lease.ConversationID)
	})
}

// SaveSID records the conversation at Twilio and applies the events parked for
// it. It returns chat.ErrHeld when another row has the SID, and chat.ErrMoved
// when this row has texts in another conversation.
func (s *Store) SaveSID(ctx context.Context, lease chat.Lease, f chat.Found) error {
	err := s.tx(ctx, "save SID", func(tx pgx.Tx) error {
		var b pgx.Batch
		queueLockSIDs(&b, []chat.ConversationSID{f.SID})
		queueLockCustomerOf(&b, lease.ConversationID)
		queueFence(&b, lease, new(int64))
		queueCheckMoved(&b, lease.ConversationID, f.SID)
		const q = `/* store.SaveSID */
			UPDATE conversations SET conversation_sid = $2, adopted = $3,
				reply_from_index = greatest(reply_from_index, $4)
			WHERE id = $1`
		b.Queue(q, lease.ConversationID, f.SID, f.Adopted, f.ReplyFrom)
		var jobs []chat.Job
		if f.Adopted {
			jobs = append(jobs, chat.BackfillJob{ConversationID: lease.ConversationID})
		}
		if f.Discard != "" {
			jobs = append(jobs, chat.DiscardJob{ConversationSID: f.Discard})
		}
		if err := s.enqueueIn(tx, &b, jobs); err != nil {
			return err
		}
		parked := queueParkedEvents(&b, f.SID)
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		return s.applyParked(ctx, tx, f.SID, *parked)
	})
	if constraint(err) == "conversations_sid_key" {
		return chat.ErrHeld
	}
	return err
}

// queueCheckMoved makes the batch fail with chat.ErrMoved if the conversation has
// texts at Twilio under another SID and no row has this one.
func queueCheckMoved(b *pgx.Batch, conversation uuid.UUID, to chat.ConversationSID) {
	const q = `/* store.checkMoved */
		SELECT EXISTS (SELECT FROM conversations c WHERE c.id = $1 AND c.conversation_sid <> $2 AND ` + hasTexts + `)
			AND NOT EXISTS (SELECT FROM conversations WHERE conversation_sid = $2)`
	b.Queue(q, conversation, to).QueryRow(func(row pgx.Row) error {
		var moved bool
		err := row.Scan(&moved)
		if err == nil && moved {
			err = chat.ErrMoved
		}
		return err
	})
}

// hasTexts tells whether the conversation c has texts at Twilio, or one that may
// be there: it is looked for where it was posted.
const hasTexts = `EXISTS (SELECT FROM messages m WHERE m.conversation_id = c.id AND (m.message_sid IS NOT NULL OR m.status = 'sending'))`

// Merge gives this conversation's sign-ups to the row that has sid: that row
// is opened again, this one closes. Who takes part at Twilio may have changed
// while it was closed, so its worker looks for the participant anew.
func (s *Store) Merge(ctx context.Context, lease chat.Lease, sid chat.ConversationSID) error {
	return s.tx(ctx, "merge", func(tx pgx.Tx) error {
		if err := lockCustomerOf(ctx, tx, lease.ConversationID); err != nil {
			return err
		}
		if _, err := fence(ctx, tx, lease); err != nil {
			return err
		}
		const find = `/* store.Merge */
			SELECT id FROM conversations
			WHERE conversation_sid = $2 AND (customer_id, sender) = (SELECT customer_id, sender FROM conversations WHERE id = $1)
			FOR NO KEY UPDATE`
		var into uuid.UUID
		if err := tx.QueryRow(ctx, find, lease.ConversationID, sid).Scan(&into); err != nil {
			return err
		}
		if _, err := s.closeRow(ctx, tx, lease.ConversationID, "continued in an earlier conversation", into); err != nil {
			return err
		}
		if err := s.discardUnused(ctx, tx, lease.ConversationID); err != nil {
			return err
		}
		const reopen = `/* store.Merge */
			UPDATE conversations SET state = 'pending', participant_sid = NULL,
				state_at = now(), closed_at = NULL, merged_into = NULL, failure_code = 0, failure_reason = '', failed_at = NULL
			WHERE id = $1`
		if _, err := tx.Exec(ctx, reopen, into); err != nil {
			return err
		}
		return s.wakeOne(ctx, tx, into)
	})
}

// Activate records the participant and queues the welcome text.
func (s *Store) Activate(ctx context.Context, lease chat.Lease, participant chat.ParticipantSID) error {
	return s.welcoming(ctx, "activate", lease, func(b *pgx.Batch) {
		const q = `/* store.Activate */
			UPDATE conversations SET participant_sid = $2, state = 'active', state_at = now(), last_activity_at = now()
			WHERE id = $1 AND state = 'pending'`
		b.Queue(q, lease.ConversationID, participant)
	})
}

// conversationFailed is why the texts of a failed conversation are cancelled.
const conversationFailed = "the conversation failed"

// FailConversation ends the attempts: the conversation's sign-ups become failed,
// unless they were welcomed, and its queued texts are cancelled.
func (s *Store) FailConversation(ctx context.Context, lease chat.Lease, code int, reason string) error {
	return s.fenced(ctx, "fail conversation", lease, func(b *pgx.Batch) {
		const fail = `/* store.FailConversation */
			UPDATE conversations SET state = 'failed', state_at = now(), failed_at = now(), failure_code = $2, failure_reason = $3
			WHERE id = $1 AND state <> 'closed'`
		b.Queue(fail, lease.ConversationID, code, reason)
		const outcomes = `/* store.FailConversation */
			UPDATE signup_outcomes o SET outcome = 'failed', reason = $2, decided_at = now()
			WHERE outcome IN ('admitted', 'joined')
				AND signup_id = ANY (ARRAY(SELECT id FROM signups WHERE conversation_id = ANY ` + members + `))
				AND NOT ` + served + `
				AND NOT EXISTS (SELECT FROM messages WHERE conversation_id = $1 AND purpose = 'welcome' AND message_sid IS NOT NULL)`
		b.Queue(outcomes, lease.ConversationID, reason)
		queueCancelQueued(b, lease.ConversationID, conversationFailed)
	})
}

// CloseConversation records that the conversation is over. If it still owes a
// sign-up its outcome or its welcome text, the pair's open row takes over, a
// new one if there is none. A row that is closed already keeps its reason. A text
// that was being sent keeps the row's worker awake until it has been looked for,
// and only then is it known what is owed; with looked that was done, or cannot be,
// and it becomes failed.
func (s *Store) CloseConversation(ctx context.Context, lease chat.Lease, reason string, looked bool) error {
	return s.tx(ctx, "close conversation", func(tx pgx.Tx) error {
		if err := lockCustomerOf(ctx, tx, lease.ConversationID); err != nil {
			return err
		}
		if _, err := fence(ctx, tx, lease); err != nil {
			return err
		}
		owes, err := owes(ctx, tx, lease.ConversationID)
		if err != nil {
			return err
		}
		if looked {
			const q = `/* store.CloseConversation */
				UPDATE messages SET status = 'failed', reason = 'the conversation ended before it was known whether this had left'
				WHERE conversation_id = $1 AND status = 'sending'`
			if _, err := tx.Exec(ctx, q, lease.ConversationID); err != nil {
				return err
			}
		}
		sending, err := s.closeRow(ctx, tx, lease.ConversationID, reason, uuid.Nil)
		if err != nil || !owes || sending {
			return err
		}
		return s.succeed(ctx, tx, lease.ConversationID)
	})
}

// owes reports whether a sign-up of the conversation is undecided, or admitted
// without its welcome text having been sent or given up for a reason of its
// own, such as a STOP, and no other row has taken that over.
func owes(ctx context.Context, tx pgx.Tx, conversation uuid.UUID) (owes bool, err error) {
	const q = `/* store.owes */
		SELECT c.merged_into IS NULL AND (bool_or(o.signup_id IS NULL) OR bool_or(o.outcome = 'admitted' AND NOT ` + served + `)
			AND NOT EXISTS (SELECT FROM messages m WHERE m.conversation_id = $1 AND m.purpose = 'welcome' AND NOT ` + undone + `
				AND (m.message_sid IS NOT NULL OR m.status NOT IN ('queued', 'sending'))))
		FROM conversations c, signups g LEFT JOIN signup_outcomes o ON o.signup_id = g.id
		WHERE c.id = $1 AND g.conversation_id = ANY ` + members + ` GROUP BY c.id`
	_, err = optional(tx.QueryRow(ctx, q, conversation).Scan(&owes))
	return owes, err
}

// closeRow closes a row, once, cancels what it had queued and has its worker look
// for what was being sent, if anything was: only then is it known what into owes,
// and until then nothing is merged into that. Rows merged into it before follow it
// to into, so that a chain is never longer than one.
func (s *Store) closeRow(ctx context.Context, tx pgx.Tx, conversation uuid.UUID, reason string, into uuid.UUID) (sending bool, err error) {
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
	if into != uuid.Nil && !sending {
		const merge = `/* store.closeRow */ UPDATE conversations SET merged_into = $2 WHERE id = $1 OR merged_into = $1`
		if _, err := tx.Exec(ctx, merge, conversation, into); err != nil {
			return false, err
		}
	}
	if sending {
		if err := s.wakeOne(ctx, tx, conversation); err != nil {
			return false, err
		}
	}
	var b pgx.Batch
	queueCancelQueued(&b, conversation, "the conversation was closed")
	return sending, tx.SendBatch(ctx, &b).Close()
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
// heir's, and wakes the heir.
func (s *Store) inherit(ctx context.Context, tx pgx.Tx, conversation, heir uuid.UUID) error {
	const merge = `/* store.inherit */ UPDATE conversations SET merged_into = $2 WHERE id = $1 OR merged_into = $1`
	if _, err := tx.Exec(ctx, merge, conversation, heir); err != nil {
		return err
	}
	return s.wakeOne(ctx, tx, heir)
}

// queueCancelQueued gives up the texts that never left.
func queueCancelQueued(b *pgx.Batch, conversation uuid.UUID, reason string) {
	const q = `/* store.cancelQueued */
		UPDATE messages SET status = 'cancelled', reason = $2 WHERE conversation_id = $1 AND status = 'queued'`
	b.Queue(q, conversation, reason)
}

// lockSIDs takes the advisory lock of each conversation SID, in the given
// order; whoever writes about a conversation at Twilio and whoever makes it a
// row's wait for each other here.
func lockSIDs(ctx context.Context, tx pgx.Tx, sids []chat.ConversationSID) error {
	var b pgx.Batch
	queueLockSIDs(&b, sids)
	return tx.SendBatch(ctx, &b).Close()
}

// queueLockSIDs is lockSIDs in a batch: what comes after it waits for the locks.
func queueLockSIDs(b *pgx.Batch, sids []chat.ConversationSID) {
	const q = `/* store.lockSIDs */ SELECT pg_advisory_xact_lock(hashtextextended(sid, 0)) FROM unnest($1::text[]) AS sid`
	b.Queue(q, sids)
}

// lockCustomerOf locks the person of a conversation: a STOP and the send gate
// take turns here.
func lockCustomerOf(ctx context.Context, tx pgx.Tx, conversation uuid.UUID) error {
	var b pgx.Batch
	queueLockCustomerOf(&b, conversation)
	return tx.SendBatch(ctx, &b).Close()
}

// queueLockCustomerOf is lockCustomerOf in a batch: what comes after it waits
// for the lock, and sees what was committed before it was free.
func queueLockCustomerOf(b *pgx.Batch, conversation uuid.UUID) {
	const q = `/* store.lockCustomerOf */
		SELECT FROM customers WHERE id = (SELECT customer_id FROM conversations WHERE id = $1) FOR NO KEY UPDATE`
	b.Queue(q, conversation).QueryRow(func(row pgx.Row) error {
		err := row.Scan()
		if errors.Is(err, pgx.ErrNoRows) {
			return chat.ErrLeaseLost // the row is gone: nobody has a lease on it
		}
		return err
	})
}

// lockPhone locks the person with that number, if they are known.
func lockPhone(ctx context.Context, tx pgx.Tx, phone chat.Phone) error {
	const q = `/* store.lockPhone */ SELECT FROM customers WHERE phone = $1 FOR NO KEY UPDATE`
	_, err := tx.Exec(ctx, q, phone)
	return err
}
