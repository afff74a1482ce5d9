package store

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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
// while it was closed, so its worker looks for the participant anew. While a text
// of this row may have left, chat.ErrInTheDark.
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
		if err := mergeInto(ctx, tx, lease.ConversationID, into); err != nil {
			return err
		}
		if err := s.discardUnused(ctx, tx, lease.ConversationID); err != nil {
			return err
		}
		if err := reopenRow(ctx, tx, into); err != nil {
			return err
		}
		return s.wakeOne(ctx, tx, into)
	})
}

// reopenRow makes a row pending again. Who takes part at Twilio is looked up anew.
func reopenRow(ctx context.Context, tx pgx.Tx, conversation uuid.UUID) error {
	const q = `/* store.reopenRow */
		UPDATE conversations SET state = 'pending', participant_sid = NULL,
			state_at = now(), closed_at = NULL, merged_into = NULL, failure_code = 0, failure_reason = '', failed_at = NULL
		WHERE id = $1`
	_, err := tx.Exec(ctx, q, conversation)
	return err
}

// Activate records the participant and queues the welcome text. Word that the
// participant has been taken out may be here before: the webhook overtakes the
// answer to our call.
func (s *Store) Activate(ctx context.Context, lease chat.Lease, j chat.Joining) (active bool, err error) {
	err = s.welcoming(ctx, "activate", lease, []chat.ConversationSID{j.SID}, func(b *pgx.Batch) {
		const q = `/* store.Activate */
			UPDATE conversations SET participant_sid = $2, state = 'active', state_at = now(), last_activity_at = now()
			WHERE id = $1 AND state = 'pending' AND NOT EXISTS (SELECT FROM events
				WHERE conversation_sid = $3 AND type = $4 AND participant_sid = $2 AND applied_at >= $5)`
		b.Queue(q, lease.ConversationID, j.Participant, j.SID, chat.ParticipantRemoved, j.Since).Exec(func(tag pgconn.CommandTag) error {
			active = tag.RowsAffected() > 0
			return nil
		})
	})
	return active, err
}

// Why texts do not leave that their conversation's end has overtaken. Whether one
// has left may never be known, when there is nothing to look in any more.
const (
	conversationFailed = "the conversation failed"
	conversationClosed = "the conversation was closed"
	conversationOver   = "the conversation ended before it was known whether this had left"
)

// FailConversation ends the attempts: the conversation's sign-ups become failed,
// unless they were welcomed, and its queued texts are cancelled.
func (s *Store) FailConversation(ctx context.Context, lease chat.Lease, code int, reason string) error {
	return s.fenced(ctx, "fail conversation", lease, func(b *pgx.Batch) {
		const fail = `/* store.FailConversation */
			UPDATE conversations SET state = 'failed', state_at = now(), failed_at = now(), failure_code = $2, failure_reason = $3
			WHERE id = $1 AND state <> 'closed'`
		b.Queue(fail, lease.ConversationID, code, reason)
		queueFailSignups(b, lease.ConversationID)
		queueCancelQueued(b, lease.ConversationID, conversationFailed)
	})
}

// queueFailSignups gives the sign-ups of a failed conversation its failure, unless
// they were welcomed. Those of any other stay as they are.
func queueFailSignups(b *pgx.Batch, conversation uuid.UUID) {
	const q = `/* store.failSignups */
		UPDATE signup_outcomes o SET outcome = 'failed', reason = c.failure_reason, decided_at = now()
		FROM conversations c
		WHERE c.id = $1 AND c.state = 'failed' AND o.outcome IN ('admitted', 'joined')
			AND o.signup_id = ANY (ARRAY(SELECT id FROM signups WHERE conversation_id = ANY ` + members + `))
			AND NOT ` + served + `
			AND NOT EXISTS (SELECT FROM messages WHERE conversation_id = $1 AND purpose = 'welcome' AND message_sid IS NOT NULL)`
	b.Queue(q, conversation)
}

// CloseConversation records that the conversation is over. If it still owes a
// sign-up its outcome or its welcome text, the pair's open row takes over, a
// new one if there is none. A row that is closed already keeps its reason. A text
// that was being sent keeps the row's worker awake until it has been looked for,
// and only then is it known what is owed; with looked that was done, or cannot be,
// and it becomes failed.
func (s *Store) CloseConversation(ctx context.Context, lease chat.Lease, reason string, looked bool) error {
	return s.locked(ctx, "close conversation", lease, func(tx pgx.Tx) error {
		return s.end(ctx, tx, lease.ConversationID, reason, looked)
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

// Reopen brings a closed row back whose conversation lives at Twilio with the pair
// in it, unless the pair has an open row. If another row had taken its sign-ups
// over, and has closed, it takes that one's in turn; while a text of that one's
// may have left, chat.ErrInTheDark.
func (s *Store) Reopen(ctx context.Context, lease chat.Lease) (reopened bool, err error) {
	err = s.locked(ctx, "reopen", lease, func(tx pgx.Tx) error {
		const q = `/* store.Reopen */
			SELECT coalesce(merged_into, id), EXISTS (SELECT FROM messages WHERE conversation_id = coalesce(merged_into, c.id) AND status = 'sending')
			FROM conversations c WHERE id = $1 AND state = 'closed'
				AND NOT EXISTS (SELECT FROM conversations o WHERE (o.customer_id, o.sender) = (c.customer_id, c.sender) AND o.state <> 'closed')`
		var root uuid.UUID
		var sending bool
		free, err := optional(tx.QueryRow(ctx, q, lease.ConversationID).Scan(&root, &sending))
		reopened = free
		switch {
		case err != nil || !free:
			return err
		case sending:
			return chat.ErrInTheDark
		case root != lease.ConversationID:
			if err := mergeInto(ctx, tx, root, lease.ConversationID); err != nil {
				return err
			}
		}
		return reopenRow(ctx, tx, lease.ConversationID)
	})
	return reopened, err
}

// locked runs f in a transaction of the holder of the lease, with the person
// locked.
func (s *Store) locked(ctx context.Context, what string, lease chat.Lease, f func(pgx.Tx) error) error {
	return s.tx(ctx, what, func(tx pgx.Tx) error {
		var b pgx.Batch
		queueLockCustomerOf(&b, lease.ConversationID)
		queueFence(&b, lease, new(int64))
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		return f(tx)
	})
}

// end closes the row, if it is not closed, and gives what it owes to another as
// soon as that is known.
func (s *Store) end(ctx context.Context, tx pgx.Tx, conversation uuid.UUID, reason string, looked bool) error {
	owes, err := owes(ctx, tx, conversation)
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
