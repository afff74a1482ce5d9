package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"textme/chat"
	"textme/jobs"
)

// drainTime bounds how long the backlog is worked on.
const drainTime = 2 * time.Minute

// drain is Q4: how fast a backlog of wake-ups comes out of the queue, from the start
// of the service on. They find nothing left to do: it is the queue that is measured.
func (b *bench) drain(ctx context.Context) error {
	n := size("BENCH_JOBS", 100_000)
	dsn, err := b.db.copy(ctx)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pile(ctx, pool, n); err != nil {
		return fmt.Errorf("pile up jobs: %w", err)
	}
	if err := b.db.settle(ctx); err != nil {
		return err
	}
	postgres := cpuOfFamily(b.db.pid)
	idle, total := processors()
	begun := time.Now()
	s, err := startService(ctx, b.binary, b.db.dir, dsn, b.twilio.url, nil)
	if err != nil {
		return err
	}
	left, err := drained(ctx, pool, begun.Add(drainTime))
	if err != nil {
		return errors.Join(err, s.stop())
	}
	took, done := time.Since(begun), max(1, n-left)
	line := row{
		goal: "Q4", what: fmt.Sprintf("backlog of %d jobs", n), rate: float64(n-left) / took.Seconds(), want: "50 per s",
		service: cpuOfFamily(s.cmd.Process.Pid) / time.Duration(done), postgres: (cpuOfFamily(b.db.pid) - postgres) / time.Duration(done),
		memory: peakOfFamily(s.cmd.Process.Pid), busy: busySince(idle, total),
	}
	if left > 0 {
		line.note = fmt.Sprintf("%d left after %v", left, drainTime)
	}
	b.report.add(line)
	return s.stop()
}

// pile enqueues n wake-ups of the template's conversations in turn.
func pile(ctx context.Context, pool *pgxpool.Pool, n int) error {
	q, err := jobs.NewQueue(pool)
	if err != nil {
		return err
	}
	rows, err := pool.Query(ctx, `SELECT id FROM conversations`)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return err
	}
	var wakeUps []chat.Job
	for i := range n {
		wakeUps = append(wakeUps, chat.AdvanceJob{ConversationID: ids[i%len(ids)]})
	}
	var batch pgx.Batch
	q.Enqueue(&batch, wakeUps)
	return pool.SendBatch(ctx, &batch).Close()
}

// drained waits until no wake-up is left, or the time is over, and counts those left.
func drained(ctx context.Context, pool *pgxpool.Pool, end time.Time) (left int, err error) {
	const q = `SELECT count(*) FROM river_job WHERE state IN ('available', 'running', 'retryable', 'scheduled')`
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := pool.QueryRow(ctx, q).Scan(&left); err != nil || left == 0 || time.Now().After(end) {
			return left, err
		}
		<-tick.C
	}
}
