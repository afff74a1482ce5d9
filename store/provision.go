package store

import (
	"context"
	"time"

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
				reply_from_index = greatest(reply_from_index, $4), heard_at = CASE WHEN $5 THEN now() ELSE 'epoch' END,
				mapping_checked_at = CASE WHEN $5 THEN now() ELSE mapping_checked_at END
			WHERE id = $1`
		b.Queue(q, lease.ConversationID, f.SID, f.Adopted, f.ReplyFrom, f.Made)
		var jobs []chat.Job
		if f.Discard != "" {
			jobs = append(jobs, chat.DiscardJob{Conversation: f.Discard})
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

// Activate records the participant and queues the welcome text. Word that the
// participant has been taken out may be here before, since the webhook overtakes the
// answer to our call, and so may receipts, if it was another program that added them.
// Where one was taken out before, the adding becomes an event as well, so that the
// removal is not the last that is told.
func (s *Store) Activate(ctx context.Context, lease chat.Lease, j chat.Joining) (active bool, err error) {
	err = s.tx(ctx, "activate", func(tx pgx.Tx) error {
		var b pgx.Batch
		queueLockSIDs(&b, []chat.ConversationSID{j.SID})
		queueLockRefusing(&b, lease.ConversationID)
		queueFence(&b, lease, new(int64))
		const q = `/* store.Activate */
			WITH active AS (
				UPDATE conversations SET participant_sid = $2, former_participants = ` + withFormer + `, state = 'active', state_at = now(), live_at = now(), last_activity_at = now()
				WHERE id = $1 AND state = 'pending' AND NOT EXISTS (SELECT FROM events
					WHERE conversation_sid = $3 AND type = $4 AND participant_sid = $2 AND applied_at >= $5)
				RETURNING id),
			told AS (
				INSERT INTO events (id, key_hash, via, type, conversation_sid, participant_sid, payload, received_at, applied_at)
				SELECT $6, CASE WHEN bool_or(e.participant_sid = $2) THEN $7::bytea ELSE $8::bytea END, $9, $10, $3, $2, $11::jsonb, $12, now()
				FROM active, events e
				WHERE e.conversation_sid = $3 AND e.conversation_sid <> '' AND e.type = $4 AND e.applied_at IS NOT NULL
				HAVING count(*) > 0
				ON CONFLICT (key_hash) DO NOTHING)
			SELECT EXISTS (SELECT FROM active)`
		now := time.Now().UTC()
		added, back := chat.PolledParticipantAdded(j.SID, j.Participant, false, now), chat.PolledParticipantAdded(j.SID, j.Participant, true, now)
		b.Queue(q, lease.ConversationID, j.Participant, j.SID, chat.ParticipantRemoved, j.Since,
			newID(), back.Key[:], added.Key[:], added.Via, added.Type, payloadOf(added), now).QueryRow(func(row pgx.Row) error {
			return row.Scan(&active)
		})
		late := queueLateReceipts(&b, lease.ConversationID, j.Participant)
		if err := welcome(ctx, tx, &b, lease.ConversationID); err != nil || !active || len(*late) == 0 {
			return err
		}
		a := applier{Store: s, tx: tx}
		if err := a.findRows(ctx, []chat.ConversationSID{j.SID}); err != nil {
			return err
		}
		return a.countLate(ctx, a.rows[j.SID], *late)
	})
	return active, err
}

// queueLockRefusing locks the person of a conversation if a receipt says that they have
// opted out: who obeys it (obeyReceipts) needs that lock, and has the row by then. Where
// there is none, which is nearly always, nobody is waited for.
func queueLockRefusing(b *pgx.Batch, conversation uuid.UUID) {
	const q = `/* store.lockRefusing */
		SELECT FROM customers WHERE id = (SELECT customer_id FROM conversations WHERE id = $1)
			AND EXISTS (SELECT FROM messages m JOIN receipts r USING (message_sid) WHERE m.conversation_id = $1 AND r.error_code = $2)
		FOR NO KEY UPDATE`
	b.Queue(q, conversation, optedOutCode)
}

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
// they were welcomed: those that were decided while the person was out of it were
// not, whatever texts it has. Those of any other conversation stay as they are.
func queueFailSignups(b *pgx.Batch, conversation uuid.UUID) {
	const q = `/* store.failSignups */
		UPDATE signup_outcomes o SET outcome = 'failed', reason = c.failure_reason, decided_at = now()
		FROM conversations c
		WHERE c.id = $1 AND c.state = 'failed' AND o.outcome IN ('admitted', 'joined')
			AND o.signup_id = ANY (ARRAY(SELECT id FROM signups WHERE conversation_id = ANY ` + members + `))
			AND (o.decided_at > (SELECT max(live_at) FROM conversations WHERE id = ANY ` + members + `)
				OR NOT ` + served + ` AND NOT EXISTS (SELECT FROM messages WHERE conversation_id = $1 AND purpose = 'welcome' AND message_sid IS NOT NULL))`
	b.Queue(q, conversation)
}
