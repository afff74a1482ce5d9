package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"textme/chat"
)

// Burst loads the customer's texts that no turn has dealt with yet.
func (s *Store) Burst(ctx context.Context, c chat.Conversation) (chat.Burst, error) {
	var burst chat.Burst
	var b pgx.Batch
	const texts = `/* store.Burst */
		SELECT index, body, twilio_at, ` + lifted + ` FROM messages m
		WHERE conversation_id = $1 AND direction = 'in' AND index > $2 ORDER BY index`
	b.Queue(texts, c.ID, c.AnsweredThrough, s.keys.HashPhone(c.Phone), c.Sender).Query(func(rows pgx.Rows) (err error) {
		burst.Texts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[chat.CustomerText])
		return err
	})
	const facts = `/* store.Burst */
		SELECT coalesce(max(index), -1), count(*) = coalesce(max(index), $2) - $2,
			(SELECT state FROM bot_state WHERE conversation_id = $1),
			` + optedOut + `
		FROM messages WHERE conversation_id = $1 AND index > $2`
	b.Queue(facts, c.ID, c.GapsChecked, s.keys.HashPhone(c.Phone), c.Sender).QueryRow(func(row pgx.Row) error {
		return row.Scan(&burst.Highest, &burst.Complete, &burst.State, &burst.OptedOut)
	})
	err := s.pool.SendBatch(ctx, &b).Close()
	return burst, translate("burst", err)
}

// SaveHeard remembers that all that was said until then has been heard, and up to
// which index holes were looked up.
func (s *Store) SaveHeard(ctx context.Context, lease chat.Lease, at time.Time, through int) error {
	return s.fenced(ctx, "save heard", lease, func(b *pgx.Batch) {
		const q = `/* store.SaveHeard */
			UPDATE conversations SET heard_at = greatest(heard_at, $2), gaps_checked_through = greatest(gaps_checked_through, $3) WHERE id = $1`
		b.Queue(q, lease.ConversationID, at, through)
	})
}

// FinishTurn queues the replies of a turn and moves past its texts, once.
func (s *Store) FinishTurn(ctx context.Context, lease chat.Lease, t chat.Turn) error {
	err := s.fenced(ctx, "finish turn", lease, func(b *pgx.Batch) {
		const advance = `/* store.FinishTurn */
			UPDATE conversations SET answered_through_index = $2, gaps_checked_through = greatest(gaps_checked_through, $4),
				handler_at = CASE WHEN $3 AND handler = 'bot' THEN now() ELSE handler_at END,
				handler = CASE WHEN $3 THEN 'agent' ELSE handler END
			WHERE id = $1 AND answered_through_index < $2`
		b.Queue(advance, lease.ConversationID, t.Through, t.HandOver, t.GapsChecked).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 {
				return errAnswered
			}
			return nil
		})
		for ordinal, body := range t.Replies {
			const q = `/* store.FinishTurn */
				INSERT INTO messages (id, conversation_id, direction, purpose, turn, ordinal, author, body, status)
				VALUES ($1, $2, 'out', 'reply', $3, $4, 'bot', $5, 'queued')
				ON CONFLICT (conversation_id, turn, ordinal) WHERE turn IS NOT NULL DO NOTHING`
			b.Queue(q, newID(), lease.ConversationID, t.Through, ordinal, body)
		}
		if t.State != nil {
			const remember = `/* store.FinishTurn */
				INSERT INTO bot_state (conversation_id, state) VALUES ($1, $2)
				ON CONFLICT (conversation_id) DO UPDATE SET state = excluded.state, updated_at = now()`
			b.Queue(remember, lease.ConversationID, t.State)
		}
	})
	if errors.Is(err, errAnswered) {
		return nil
	}
	return err
}

// errAnswered undoes a turn whose texts were answered before.
var errAnswered = errors.New("the texts are answered already")
