package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// members are a conversation and the rows that were merged into it: their
// sign-ups are its sign-ups. As an array they are found first, whatever Postgres
// thinks of the tables: a plan that was made when they were empty may live on.
const members = `(ARRAY(SELECT id FROM conversations WHERE id = $1 OR merged_into = $1))`

// undone tells of a message m that only the end of its conversation cancelled:
// tried again, or in the one that takes over, it may still go out.
const undone = `(m.status = 'cancelled' AND m.message_sid IS NULL AND m.reason IN ` + endings + `)`

// endings are the reasons of texts that their conversation's end has overtaken.
const endings = `('` + conversationFailed + `', '` + conversationClosed + `', '` + conversationOver + `')`

// hasWelcome tells whether a conversation has a welcome text, sent or not.
const hasWelcome = `EXISTS (SELECT FROM messages m WHERE m.conversation_id = $1 AND m.purpose = 'welcome' AND NOT ` + undone + `)`

// decided tells whether none of a conversation's sign-ups waits for an outcome or,
// by this conversation, for a welcome text.
const decided = `NOT EXISTS (SELECT FROM signups g LEFT JOIN signup_outcomes o ON o.signup_id = g.id
	WHERE g.conversation_id = ANY ` + members + ` AND (o.signup_id IS NULL OR o.outcome = 'admitted' AND NOT ` + hasWelcome + `))`

// served tells whether the sign-up with the outcome o was welcomed by a row that
// has been merged into the conversation since, or its welcome given up there for a
// reason of its own, such as a STOP. What such a row left undecided when it ended,
// it did not serve.
const served = `EXISTS (SELECT FROM conversations r JOIN messages w ON w.conversation_id = r.id
	WHERE r.merged_into = $1 AND w.purpose = 'welcome' AND o.decided_at <= greatest(r.closed_at, w.sending_at)
		AND (w.message_sid IS NOT NULL OR w.status IN ('failed', 'cancelled') AND w.reason NOT IN ` + endings + `))`

// Admission loads what the decisions of a conversation need.
func (s *Store) Admission(ctx context.Context, c chat.Conversation) (chat.Admission, error) {
	const undecided = `/* store.Admission */
		SELECT g.id, g.created_at FROM signups g LEFT JOIN signup_outcomes o ON o.signup_id = g.id
		WHERE g.conversation_id = ANY ` + members + ` AND o.signup_id IS NULL
		ORDER BY g.created_at, g.id`
	var a chat.Admission
	var b pgx.Batch
	b.Queue(undecided, c.ID).Query(func(rows pgx.Rows) (err error) {
		a.Undecided, err = pgx.CollectRows(rows, pgx.RowToStructByPos[chat.UndecidedSignup])
		return err
	})
	const facts = `/* store.Admission */
		SELECT coalesce(bool_or(o.outcome = 'admitted' AND NOT ` + served + `), false),
			coalesce(bool_or(o.outcome IN ('admitted', 'joined', 'opted_out')), false)
				OR EXISTS (SELECT FROM messages WHERE conversation_id = $1 AND direction = 'in'),
			coalesce(bool_or(o.outcome = 'admitted' AND NOT ` + served + `), false) AND NOT ` + hasWelcome + `,
			` + hasWelcome + `, ` + optedOut + `,
			(SELECT max(sending_at) FROM messages
				WHERE conversation_id = ANY (ARRAY(SELECT id FROM conversations WHERE customer_id = $2 AND id <> $1))
				AND purpose = 'welcome' AND message_sid IS NOT NULL)
		FROM signups g LEFT JOIN signup_outcomes o ON o.signup_id = g.id
		WHERE g.conversation_id = ANY ` + members
	var last *time.Time
	b.Queue(facts, c.ID, c.CustomerID, s.keys.HashPhone(c.Phone), c.Sender).QueryRow(func(row pgx.Row) error {
		return row.Scan(&a.Admitted, &a.Wanted, &a.Owed, &a.Welcomed, &a.OptedOut, &last)
	})
	err := s.pool.SendBatch(ctx, &b).Close()
	if last != nil {
		a.LastWelcome = *last
	}
	return a, translate("admission", err)
}

// Decide records outcomes and, if the conversation is active and owes it,
// queues the welcome text. That a sign-up failed with its conversation counts
// only while that is so: somebody may just have asked to try again.
func (s *Store) Decide(ctx context.Context, lease chat.Lease, decisions []chat.Decision, reopen bool) error {
	return s.tx(ctx, "decide", func(tx pgx.Tx) error {
		var b pgx.Batch
		queueFence(&b, lease, new(int64))
		for _, d := range decisions {
			const q = `/* store.Decide */
				INSERT INTO signup_outcomes (signup_id, outcome, reason, decided_at)
				SELECT $1, $2, $3, now() WHERE $2 <> 'failed' OR EXISTS (SELECT FROM conversations WHERE id = $4 AND state = 'failed')
				ON CONFLICT (signup_id) DO NOTHING`
			b.Queue(q, d.SignupID, d.Outcome, d.Reason, lease.ConversationID)
		}
		if len(decisions) > 0 {
			const q = `/* store.Decide */ UPDATE conversations SET live_at = now() WHERE id = $1 AND state = 'active'`
			b.Queue(q, lease.ConversationID)
		}
		if reopen {
			queueReopenFailed(&b, lease.ConversationID)
		}
		return welcome(ctx, tx, &b, lease.ConversationID)
	})
}

// welcome sends the batch, and then queues the welcome text if the conversation is
// active, has an admitted sign-up and no such text yet; the unique index makes a
// second one impossible.
// Rows merged into this one may have welcomed theirs already. The text is that of
// the source of the first admitted sign-up: a conversation may have begun at
// another, or with a text of the person's.
func welcome(ctx context.Context, tx pgx.Tx, b *pgx.Batch, conversation uuid.UUID) error {
	const owed = `/* store.welcome */
		SELECT s.business, s.settings FROM conversations c, signups g
		JOIN signup_outcomes o ON o.signup_id = g.id JOIN sources s ON s.id = g.source_id
		WHERE c.id = $1 AND c.state = 'active' AND g.conversation_id = ANY ` + members + ` AND o.outcome = 'admitted'
			AND NOT ` + served + ` AND NOT ` + hasWelcome + `
		ORDER BY g.created_at, g.id LIMIT 1`
	const again = `/* store.welcome */
		UPDATE messages m SET status = 'queued', reason = '' WHERE m.conversation_id = $1 AND m.purpose = 'welcome' AND ` + undone
	const q = `/* store.welcome */
		INSERT INTO messages (id, conversation_id, direction, purpose, author, body, status)
		VALUES ($1, $2, 'out', 'welcome', 'bot', $3, 'queued') ON CONFLICT DO NOTHING`
	var source chat.Source
	owes := false
	b.Queue(owed, conversation).QueryRow(func(row pgx.Row) (err error) {
		owes, err = optional(row.Scan(&source.Business, &source.Settings))
		return err
	})
	if err := tx.SendBatch(ctx, b).Close(); err != nil || !owes {
		return err
	}
	var text pgx.Batch
	text.Queue(again, conversation)
	text.Queue(q, newID(), conversation, source.WelcomeText())
	return tx.SendBatch(ctx, &text).Close()
}
