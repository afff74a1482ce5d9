package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// TryAgain makes a failed conversation pending, wakes its worker and writes
// down who asked. Its failed sign-ups are decided once more, by the rules of
// now. Any other conversation is left as it is (tried = false); one that is not
// there is chat.ErrNotFound.
func (s *Store) TryAgain(ctx context.Context, conversation uuid.UUID, entry chat.AuditEntry) (tried bool, err error) {
	err = s.tx(ctx, "try again", func(tx pgx.Tx) error {
		var state chat.State
		const find = `/* store.TryAgain */ SELECT state FROM conversations WHERE id = $1 FOR NO KEY UPDATE`
		if err := tx.QueryRow(ctx, find, conversation).Scan(&state); err != nil {
			return err
		}
		if tried = state == chat.Failed; !tried {
			return nil
		}
		const undecide = `/* store.TryAgain */
			DELETE FROM signup_outcomes WHERE outcome = 'failed'
				AND signup_id = ANY (ARRAY(SELECT id FROM signups WHERE conversation_id = ANY ` + members + `))`
		var b pgx.Batch
		b.Queue(undecide, conversation)
		queueReopenFailed(&b, conversation)
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		if err := audit(ctx, tx, entry); err != nil {
			return err
		}
		return s.wakeOne(ctx, tx, conversation)
	})
	return tried, err
}

// queueReopenFailed makes a failed conversation pending. The welcome text that its
// failure cancelled comes back when it is owed.
func queueReopenFailed(b *pgx.Batch, conversation uuid.UUID) {
	const q = `/* store.reopenFailed */
		UPDATE conversations SET state = 'pending', state_at = now(), failure_code = 0, failure_reason = '', failed_at = NULL
		WHERE id = $1 AND state = 'failed'`
	b.Queue(q, conversation)
}

// FailedConversations lists the conversations that have failed, with the given
// code of Twilio's or, with 0, whatever the code, the longest failed first, at
// most so many.
func (s *Store) FailedConversations(ctx context.Context, code, most int) ([]uuid.UUID, error) {
	const q = `/* store.FailedConversations */
		SELECT id FROM conversations WHERE state = 'failed' AND ($1 = 0 OR failure_code = $1) ORDER BY failed_at, id LIMIT $2`
	rows, err := s.pool.Query(ctx, q, code, most)
	if err != nil {
		return nil, translate("failed conversations", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	return ids, translate("failed conversations", err)
}

// ConversationWithSID finds the row that has this conversation; it returns
// chat.ErrNotFound if none has.
func (s *Store) ConversationWithSID(ctx context.Context, sid chat.ConversationSID) (id uuid.UUID, err error) {
	const q = `/* store.ConversationWithSID */ SELECT id FROM conversations WHERE conversation_sid = $1`
	err = s.pool.QueryRow(ctx, q, sid).Scan(&id)
	return id, translate("conversation with SID", err)
}
