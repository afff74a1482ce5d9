package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

const outgoingColumns = `m.id, m.purpose, m.author, m.body, m.status, m.sending_at, m.attempts, ` + waitsSince + `, ` + calledForAt

// waitsSince is the time from which a message m has waited: a welcome text that a
// row owed which has been merged into m's was called for by a sign-up there.
const waitsSince = `CASE m.purpose WHEN 'welcome' THEN least(m.created_at, (SELECT min(g.created_at)
	FROM conversations r JOIN signups g ON g.conversation_id = r.id WHERE r.merged_into = m.conversation_id)) ELSE m.created_at END`

// calledForAt is when what called for a message m came: of a welcome text the sign-up.
const calledForAt = `CASE m.purpose WHEN 'welcome' THEN least(m.created_at, (SELECT min(g.created_at)
	FROM signups g JOIN signup_outcomes o ON o.signup_id = g.id
	WHERE o.outcome = 'admitted' AND g.conversation_id IN (SELECT m.conversation_id UNION ALL SELECT r.id FROM conversations r WHERE r.merged_into = m.conversation_id)))
	ELSE m.created_at END`

func scanOutgoing(row pgx.CollectableRow) (chat.Outgoing, error) {
	var m chat.Outgoing
	var sending *time.Time
	err := row.Scan(&m.ID, &m.Purpose, &m.Author, &m.Body, &m.Status, &sending, &m.Attempts, &m.CreatedAt, &m.CalledForAt)
	if sending != nil {
		m.SendingAt = *sending
	}
	return m, err
}

// Unsent loads the messages that are queued or being sent, in the order they
// were queued.
func (s *Store) Unsent(ctx context.Context, c chat.Conversation) ([]chat.Outgoing, error) {
	const q = `/* store.Unsent */
		SELECT ` + outgoingColumns + ` FROM messages m
		WHERE m.conversation_id = $1 AND m.status IN ('queued', 'sending')
		ORDER BY m.created_at, m.ordinal, m.id`
	rows, err := s.pool.Query(ctx, q, c.ID)
	if err != nil {
		return nil, translate("unsent", err)
	}
	list, err := pgx.CollectRows(rows, scanOutgoing)
	return list, translate("unsent", err)
}

// BeginSend asks the gate about a queued message and acts on the verdict. It
// holds the customer's lock, so a STOP is either seen here or comes after. A
// message that is not queued any more, because Twilio has just told that it had
// left, is let be.
func (s *Store) BeginSend(ctx context.Context, lease chat.Lease, message uuid.UUID, gate chat.Gate) (v chat.Verdict, err error) {
	moved := chat.Verdict{Cancel: "it is not queued any more"}
	err = s.tx(ctx, "begin send", func(tx pgx.Tx) error {
		facts, queued, err := s.gateFacts(ctx, tx, lease, message)
		if err != nil || !queued {
			v = moved
			return err
		}
		v = gate(facts)
		const q = `/* store.BeginSend */
			UPDATE messages SET status = $2, reason = $3, not_before = $4,
				held_at = CASE WHEN $5 = '' THEN held_at ELSE coalesce(held_at, now()) END, held_for = CASE WHEN $5 = '' THEN held_for ELSE $5 END,
				sending_at = CASE WHEN $2 = 'sending' THEN clock_timestamp() ELSE sending_at END, -- after the wait for the lock: it is looked for a while later
				attempts = attempts + CASE WHEN $2 = 'sending' THEN 1 ELSE 0 END
			WHERE id = $1 AND status = 'queued'`
		status, notBefore := chat.Sending, (*time.Time)(nil)
		switch {
		case v.Cancel != "":
			status = chat.Cancelled
		case !v.Until.IsZero():
			status, notBefore = chat.Queued, &v.Until
		}
		tag, err := tx.Exec(ctx, q, message, status, v.Cancel, notBefore, v.Why)
		if tag.RowsAffected() == 0 {
			v = moved
		}
		return err
	})
	return v, err
}

// gateColumns are what the gate looks at, the message left out, for the
// conversation c and its customer k; $2 is chat.AccountScope.
const gateColumns = `coalesce(k.phone, ''), c.sender, c.state, c.handler, c.handler_at,
	EXISTS (SELECT FROM messages t WHERE t.conversation_id = c.id AND t.direction = 'in')
		OR EXISTS (SELECT FROM signups g JOIN signup_outcomes o ON o.signup_id = g.id
			WHERE g.customer_id = c.customer_id AND o.outcome IN ('admitted', 'joined')),
	coalesce((SELECT reason FROM pauses WHERE scope IN ($2, c.sender) AND ended_at IS NULL LIMIT 1), ''),
	greatest((SELECT max(created_at) FROM signups WHERE customer_id = c.customer_id),
		(SELECT max(twilio_at) FROM messages t WHERE t.conversation_id = c.id AND t.direction = 'in'), c.created_at),
	coalesce(` + restoringSince + `, 'epoch'),
	(SELECT count(*) FROM messages t WHERE t.conversation_id = c.id AND t.sending_at > (SELECT clock_timestamp() - interval '1 second'))`

// gateFacts loads what the gate looks at, with the customer locked and the lease
// held, if the message is queued.
func (s *Store) gateFacts(ctx context.Context, tx pgx.Tx, lease chat.Lease, message uuid.UUID) (f chat.GateFacts, queued bool, err error) {
	const q = `/* store.gateFacts */
		SELECT ` + gateColumns + `, ` + outgoingColumns + `
		FROM messages m JOIN conversations c ON c.id = m.conversation_id JOIN customers k ON k.id = c.customer_id
		WHERE m.id = $1 AND m.status = 'queued'`
	var sender chat.Phone
	var sending *time.Time
	var b pgx.Batch
	queueLockCustomerOf(&b, lease.ConversationID)
	queueFence(&b, lease, new(int64))
	b.Queue(q, message, chat.AccountScope).QueryRow(func(row pgx.Row) (err error) {
		queued, err = optional(row.Scan(&f.Phone, &sender, &f.State, &f.Handler, &f.HandlerAt,
			&f.Consented, &f.Paused, &f.LastAct, &f.RestoringSince, &f.JustPosted,
			&f.Message.ID, &f.Message.Purpose, &f.Message.Author, &f.Message.Body, &f.Message.Status, &sending, &f.Message.Attempts, &f.Message.CreatedAt, &f.Message.CalledForAt))
		return err
	})
	if err := tx.SendBatch(ctx, &b).Close(); err != nil || !queued {
		return f, false, err
	}
	since, err := s.optedOutSince(ctx, tx, f.Phone, sender)
	f.OptedOut = !since.IsZero()
	return f, true, err
}

// SendFacts loads what the gate would look at now for a text in the
// conversation, the message itself left out.
func (s *Store) SendFacts(ctx context.Context, conversation uuid.UUID) (f chat.GateFacts, err error) {
	const q = `/* store.SendFacts */
		SELECT ` + gateColumns + ` FROM conversations c JOIN customers k ON k.id = c.customer_id WHERE c.id = $1`
	var sender chat.Phone
	err = s.pool.QueryRow(ctx, q, conversation, chat.AccountScope).Scan(
		&f.Phone, &sender, &f.State, &f.Handler, &f.HandlerAt, &f.Consented, &f.Paused, &f.LastAct, &f.RestoringSince, &f.JustPosted)
	if err != nil {
		return f, translate("send facts", err)
	}
	since, err := s.optedOutSince(ctx, s.pool, f.Phone, sender)
	f.OptedOut = !since.IsZero()
	return f, translate("send facts", err)
}

// Unanswered has the looks for a message whose post had no answer count from now: between
// the leave to post it and the call the database or the machine may have been slow.
func (s *Store) Unanswered(ctx context.Context, lease chat.Lease, message uuid.UUID) error {
	return s.fenced(ctx, "unanswered", lease, func(b *pgx.Batch) {
		const q = `/* store.Unanswered */ UPDATE messages SET sending_at = clock_timestamp() WHERE id = $1 AND status = 'sending'`
		b.Queue(q, message)
	})
}

// Requeue makes a message that is surely not at Twilio queued again. With posted
// it was called for in vain; else that was no attempt.
func (s *Store) Requeue(ctx context.Context, lease chat.Lease, message uuid.UUID, posted bool) error {
	return s.fenced(ctx, "requeue", lease, func(b *pgx.Batch) {
		const q = `/* store.Requeue */
			UPDATE messages SET status = 'queued', attempts = attempts - CASE WHEN $2 THEN 0 ELSE 1 END WHERE id = $1 AND status = 'sending'`
		b.Queue(q, message, posted)
	})
}

// RefuseSend ends a message that Twilio will never take. If the code says that the
// person has said STOP, that is heard as from a receipt.
func (s *Store) RefuseSend(ctx context.Context, lease chat.Lease, message uuid.UUID, code int, reason string) error {
	return s.locked(ctx, "refuse send", lease, func(tx pgx.Tx) error {
		const q = `/* store.RefuseSend */
			UPDATE messages SET status = 'failed', error_code = $2, reason = $3 WHERE id = $1 AND status = 'sending'`
		if _, err := tx.Exec(ctx, q, message, code, reason); err != nil || code != optedOutCode {
			return err
		}
		// The text itself may have arrived by an earlier post; the refusal counts all the
		// same, as of the post, since a START may have come while it was under way.
		const whose = `/* store.RefuseSend */
			SELECT coalesce(k.phone, ''), coalesce(m.sending_at, now())
			FROM messages m JOIN conversations c ON c.id = m.conversation_id JOIN customers k ON k.id = c.customer_id WHERE m.id = $1`
		var phone chat.Phone
		var posted time.Time
		if err := tx.QueryRow(ctx, whose, message).Scan(&phone, &posted); err != nil {
			return err
		}
		return s.optOut(ctx, tx, phone, posted.Truncate(time.Second), "receipt", "") // heard by no message, and told by no event
	})
}

// OtherConversations lists the open conversations at Twilio that the
// conversation's person has with other senders of ours, and those of the rows
// that were merged into it, open or not.
func (s *Store) OtherConversations(ctx context.Context, conversation uuid.UUID) ([]chat.OtherConversation, error) {
	const q = `/* store.OtherConversations */
		SELECT o.conversation_sid, o.gaps_checked_through FROM conversations c JOIN conversations o USING (customer_id)
		WHERE c.id = $1 AND o.id <> c.id AND o.conversation_sid IS NOT NULL AND (o.state <> 'closed' OR o.merged_into = c.id)`
	rows, err := s.pool.Query(ctx, q, conversation)
	if err != nil {
		return nil, translate("other conversations", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[chat.OtherConversation])
	return list, translate("other conversations", err)
}
