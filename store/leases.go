package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// Lease takes the right to work on a conversation for d, unless somebody else
// holds it (chat.ErrLeaseBusy) or nothing is left to do (work = false).
func (s *Store) Lease(ctx context.Context, conversation uuid.UUID, d time.Duration) (lease chat.Lease, work bool, err error) {
	lease = chat.Lease{ConversationID: conversation, Token: newID()}
	err = s.tx(ctx, "lease", func(tx pgx.Tx) error {
		const take = `/* store.Lease */
			UPDATE conversations SET lease_token = $2, lease_until = now() + $3::interval, retry_at = NULL
			WHERE id = $1 AND (lease_until IS NULL OR lease_until < now()) AND work_seq > done_seq
			RETURNING work_seq`
		work = true
		err := tx.QueryRow(ctx, take, conversation, lease.Token, d).Scan(&lease.WorkSeq)
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		const why = `/* store.Lease */ SELECT work_seq > done_seq FROM conversations WHERE id = $1`
		if err := tx.QueryRow(ctx, why, conversation).Scan(&work); err != nil {
			return err
		}
		if work {
			return chat.ErrLeaseBusy
		}
		return nil
	})
	return lease, work, err
}

// Load reads the conversation and its work_seq as they are now.
func (s *Store) Load(ctx context.Context, lease chat.Lease) (chat.Conversation, error) {
	const q = `/* store.Load */
		SELECT c.customer_id, coalesce(k.phone, ''), c.sender, c.unique_name,
			coalesce(c.conversation_sid, ''), coalesce(c.participant_sid, ''), c.state, c.adopted,
			c.create_attempted_at IS NOT NULL, coalesce(c.failed_at, 'epoch'), c.handler,
			c.reply_from_index, c.answered_through_index, c.gaps_checked_through, c.heard_at, c.work_seq,
			coalesce(p.reason, ''), coalesce(p.account, false), coalesce(p.credentials, false), coalesce(p.probe_at, 'epoch'), ` + decided + `,
			coalesce(` + restoringSince + `, 'epoch'), ` + inOutage + `, coalesce(` + outageEnded + `, 'epoch'), now()
		FROM conversations c
		JOIN customers k ON k.id = c.customer_id
		LEFT JOIN LATERAL (
			SELECT reason, probe_at, bool_or(scope = $3) OVER () AS account, bool_or(scope = $3 AND code = $4) OVER () AS credentials
			FROM pauses WHERE scope IN ($3, c.sender) AND ended_at IS NULL ORDER BY probe_at DESC LIMIT 1) p ON true
		WHERE c.id = $1 AND c.lease_token = $2`
	c := chat.Conversation{ID: lease.ConversationID, Lease: lease}
	err := s.pool.QueryRow(ctx, q, lease.ConversationID, lease.Token, chat.AccountScope, chat.CodeCredentials).Scan(
		&c.CustomerID, &c.Phone, &c.Sender, &c.UniqueName,
		&c.SID, &c.ParticipantSID, &c.State, &c.Adopted,
		&c.CreateAttempted, &c.FailedAt, &c.Handler,
		&c.ReplyFrom, &c.AnsweredThrough, &c.GapsChecked, &c.HeardAt, &c.Lease.WorkSeq,
		&c.Paused, &c.AccountPaused, &c.CredentialsRefused, &c.PausedUntil, &c.Decided, &c.RestoringSince, &c.Outage, &c.OutageEndedAt, &c.LoadedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, fmt.Errorf("load: %w", chat.ErrLeaseLost)
	}
	return c, translate("load", err)
}

// Finish gives the lease back if no fact came since lease.WorkSeq was read, and
// sees to it that a conversation at Twilio is polled after poll at the latest.
func (s *Store) Finish(ctx context.Context, lease chat.Lease, poll time.Duration) (done bool, err error) {
	err = s.tx(ctx, "finish", func(tx pgx.Tx) error {
		const q = `/* store.Finish */
			UPDATE conversations SET lease_token = NULL, lease_until = NULL, done_seq = work_seq, ` + pollIn2 + `
			WHERE id = $1 AND lease_token = $3 AND work_seq = $4`
		tag, err := tx.Exec(ctx, q, lease.ConversationID, poll, lease.Token, lease.WorkSeq)
		if done = tag.RowsAffected() > 0; err != nil || done {
			return err
		}
		_, err = fence(ctx, tx, lease)
		return err
	})
	return done, err
}

// pollIn2 sees to it that a conversation at Twilio is polled after $2 at the
// latest.
const pollIn2 = `reconcile_at = CASE WHEN $2 > interval '0' AND conversation_sid IS NOT NULL
	THEN least(reconcile_at, now() + $2) ELSE reconcile_at END`

// GiveBack gives the lease back with work left, which a job is going to do
// after a while, or at once if a fact came since lease.WorkSeq was read. It sees
// to polling as Finish does.
func (s *Store) GiveBack(ctx context.Context, lease chat.Lease, after, poll time.Duration) (news bool, err error) {
	err = s.tx(ctx, "give back", func(tx pgx.Tx) error {
		now, err := fence(ctx, tx, lease)
		if err != nil {
			return err
		}
		wait := after
		if news = now != lease.WorkSeq; news {
			wait = 0
		}
		const q = `/* store.GiveBack */
			UPDATE conversations SET lease_token = NULL, lease_until = NULL, retry_at = now() + $3::interval, ` + pollIn2 + ` WHERE id = $1`
		_, err = tx.Exec(ctx, q, lease.ConversationID, poll, wait)
		return err
	})
	return news, err
}

// fence locks the conversation for a holder of the lease and returns its
// work_seq; it returns chat.ErrLeaseLost when somebody else has taken it.
func fence(ctx context.Context, tx pgx.Tx, lease chat.Lease) (workSeq int64, err error) {
	var b pgx.Batch
	queueFence(&b, lease, &workSeq)
	err = tx.SendBatch(ctx, &b).Close()
	return workSeq, err
}

// queueFence is fence in a batch that also sends what needs the lease: if it is
// lost, that is done all the same and undone by the batch's error. Therefore the
// row is locked in either case, so that locks are taken in their order.
func queueFence(b *pgx.Batch, lease chat.Lease, workSeq *int64) {
	const q = `/* store.fence */
		SELECT work_seq, lease_token IS NOT DISTINCT FROM $2 FROM conversations WHERE id = $1 FOR NO KEY UPDATE`
	b.Queue(q, lease.ConversationID, lease.Token).QueryRow(func(row pgx.Row) error {
		var held bool
		err := row.Scan(workSeq, &held)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && !held {
			return chat.ErrLeaseLost
		}
		return err
	})
}

// fenced sends what add adds in one batch, in a transaction of the holder of the
// lease.
func (s *Store) fenced(ctx context.Context, what string, lease chat.Lease, add func(*pgx.Batch)) error {
	return s.tx(ctx, what, func(tx pgx.Tx) error {
		var b pgx.Batch
		queueFence(&b, lease, new(int64))
		add(&b)
		return tx.SendBatch(ctx, &b).Close()
	})
}

// wake gives the workers of conversations something to do and returns the jobs
// for it; facts says when the customer was last active, zero for no change. A
// time ahead of ours, which is Twilio's word, counts as now.
// A job is needed only where none is sure to look: a worker that holds the
// lease sees the new work_seq before it gives the lease back, and a job that
// has not begun yet will see it when it does. What is lost with a dead worker,
// the sweep finds.
func wake(ctx context.Context, tx pgx.Tx, facts map[uuid.UUID]time.Time) ([]chat.Job, error) {
	if len(facts) == 0 {
		return nil, nil
	}
	ids, ats := make([]uuid.UUID, 0, len(facts)), make([]time.Time, 0, len(facts))
	for id, at := range facts {
		ids, ats = append(ids, id), append(ats, at)
	}
	const q = `/* store.wake */
		UPDATE conversations c SET work_seq = c.work_seq + 1, retry_at = NULL, last_activity_at = greatest(c.last_activity_at, least(was.at, now()))
		FROM (SELECT id, at, work_seq = done_seq OR retry_at IS NOT NULL AS idle
			FROM conversations JOIN unnest($1::uuid[], $2::timestamptz[]) AS fact(id, at) USING (id)
			ORDER BY id FOR NO KEY UPDATE OF conversations) was
		WHERE c.id = was.id RETURNING c.id, was.idle`
	rows, err := tx.Query(ctx, q, ids, ats)
	if err != nil {
		return nil, err
	}
	var jobs []chat.Job
	var id uuid.UUID
	var idle bool
	_, err = pgx.ForEachRow(rows, []any{&id, &idle}, func() error {
		if idle {
			jobs = append(jobs, chat.AdvanceJob{ConversationID: id})
		}
		return nil
	})
	return jobs, err
}

// wakeOne wakes the worker of one conversation.
func (s *Store) wakeOne(ctx context.Context, tx pgx.Tx, conversation uuid.UUID) error {
	jobs, err := wake(ctx, tx, map[uuid.UUID]time.Time{conversation: {}})
	if err != nil {
		return err
	}
	return s.enqueue(ctx, tx, jobs)
}
