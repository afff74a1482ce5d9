package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// sweepBatch bounds one sweep; the next one takes the rest.
const sweepBatch = 500

// WakeForgotten enqueues jobs for conversations with work left whose lease has
// run out or whose job is overdue by age, and for conversations at Twilio whose
// events are parked longer than age. It notes that it did, so that the next
// sweep gives the jobs the same time again, and twice the time where events are
// parked: as long as Twilio does not answer, their job tries again by itself.
//
// As long as the queue is behind, jobs are late and not lost: workers take them in their
// order, so that one is overdue when the next one to be taken is younger by age. Another
// job for each that waits, at each sweep, would put the queue ever further behind. A
// conversation that has been quiet for longer than its job has waited may get another.
func (s *Store) WakeForgotten(ctx context.Context, age time.Duration) (woken int, err error) {
	if s.queue == nil {
		return 0, errNoQueue
	}
	behind, err := s.queue.Behind(ctx)
	if err != nil {
		return 0, err
	}
	err = s.tx(ctx, "wake forgotten", func(tx pgx.Tx) error {
		const asleep = `/* store.WakeForgotten */
			UPDATE conversations SET retry_at = now() WHERE id IN (
				SELECT id FROM conversations
				WHERE work_seq > done_seq AND coalesce(greatest(lease_until, retry_at + $1::interval), last_activity_at + $1::interval) < now()
				LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
			RETURNING id`
		ids, err := collect[uuid.UUID](ctx, tx, asleep, age+behind, sweepBatch)
		if err != nil {
			return err
		}
		const parked = `/* store.WakeForgotten */
			UPDATE events SET sweep_at = now() + (now() - received_at) WHERE id IN (
				SELECT id FROM events
				WHERE id IN (SELECT DISTINCT ON (conversation_sid) id FROM events
						WHERE applied_at IS NULL AND error = '' AND conversation_sid <> '' ORDER BY conversation_sid, received_at, id)
					AND greatest(received_at + $1::interval, sweep_at) < now()
				LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
			RETURNING conversation_sid`
		sids, err := collect[chat.ConversationSID](ctx, tx, parked, age, sweepBatch)
		if err != nil {
			return err
		}
		jobs := make([]chat.Job, 0, len(ids)+len(sids))
		for _, id := range ids {
			jobs = append(jobs, chat.AdvanceJob{ConversationID: id})
		}
		for _, sid := range sids {
			jobs = append(jobs, chat.AdoptJob{ConversationSID: sid})
		}
		woken = len(jobs)
		return s.enqueue(ctx, tx, jobs)
	})
	return woken, err
}

func collect[T any](ctx context.Context, tx pgx.Tx, q string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}
