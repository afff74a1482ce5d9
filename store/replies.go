package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// Burst loads the customer's texts that no turn has dealt with yet.
func (s *Store) Burst(ctx context.Context, c chat.Conversation) (chat.Burst, error) {
	var b chat.Burst
	const texts = `/* store.Burst */
		SELECT index, body, twilio_at FROM messages
		WHERE conversation_id = $1 AND direction = 'in' AND index > $2 ORDER BY index`
	rows, err := s.pool.Query(ctx, texts, c.ID, c.AnsweredThrough)
	if err != nil {
		return b, translate("burst", err)
	}
	if b.Texts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[chat.CustomerText]); err != nil || len(b.Texts) == 0 {
		return b, translate("burst", err)
	}
	const facts = `/* store.Burst */
		SELECT coalesce(max(index), -1), count(*) = coalesce(max(index), $2) - $2,
			(SELECT state FROM bot_state WHERE conversation_id = $1)
		FROM messages WHERE conversation_id = $1 AND index > $2`
	if err := s.pool.QueryRow(ctx, facts, c.ID, c.GapsChecked).Scan(&b.Highest, &b.Complete, &b.State); err != nil {
		return b, translate("burst", err)
	}
	since, err := s.optedOutSince(ctx, s.pool, c.Phone, c.Sender)
	b.OptedOut = !since.IsZero()
	return b, translate("burst", err)
}

// SaveGapsChecked remembers up to which index holes were looked up.
func (s *Store) SaveGapsChecked(ctx context.Context, lease chat.Lease, through int) error {
	return s.fenced(ctx, "save gaps checked", lease, func(tx pgx.Tx) error {
		const q = `/* store.SaveGapsChecked */
			UPDATE conversations SET gaps_checked_through = greatest(gaps_checked_through, $2) WHERE id = $1`
		_, err := tx.Exec(ctx, q, lease.ConversationID, through)
		return err
	})
}

// FinishTurn queues the replies of a turn and moves past its texts, once.
func (s *Store) FinishTurn(ctx context.Context, lease chat.Lease, t chat.Turn) error {
	return s.fenced(ctx, "finish turn", lease, func(tx pgx.Tx) error {
		const advance = `/* store.FinishTurn */
			UPDATE conversations SET answered_through_index = $2, gaps_checked_through = greatest(gaps_checked_through, $4),
				handler_at = CASE WHEN $3 AND handler = 'bot' THEN now() ELSE handler_at END,
				handler = CASE WHEN $3 THEN 'agent' ELSE handler END
			WHERE id = $1 AND answered_through_index < $2 RETURNING id`
		tag, err := tx.Exec(ctx, advance, lease.ConversationID, t.Through, t.HandOver, t.GapsChecked)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		for ordinal, body := range t.Replies {
			const q = `/* store.FinishTurn */
				INSERT INTO messages (id, conversation_id, direction, purpose, turn, ordinal, author, body, status)
				VALUES ($1, $2, 'out', 'reply', $3, $4, 'bot', $5, 'queued')
				ON CONFLICT (conversation_id, turn, ordinal) WHERE turn IS NOT NULL DO NOTHING`
			if _, err := tx.Exec(ctx, q, newID(), lease.ConversationID, t.Through, ordinal, body); err != nil {
				return err
			}
		}
		if t.State == nil {
			return nil
		}
		const remember = `/* store.FinishTurn */
			INSERT INTO bot_state (conversation_id, state) VALUES ($1, $2)
			ON CONFLICT (conversation_id) DO UPDATE SET state = excluded.state, updated_at = now()`
		_, err = tx.Exec(ctx, remember, lease.ConversationID, t.State)
		return err
	})
}
