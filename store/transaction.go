package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"textme/chat"
)

// maxTries bounds how often a transaction that lost a race is run.
const maxTries = 4

// tx runs f in a transaction, again when Postgres asks for it, announces the
// jobs that were enqueued in it, and translates the error. f may run several
// times.
func (s *Store) tx(ctx context.Context, what string, f func(pgx.Tx) error) error {
	return s.txWithin(ctx, usualPatience, what, f)
}

// usualPatience is that of the connection.
const usualPatience time.Duration = 0

// txWithin is tx where no lock is waited for longer than patience.
func (s *Store) txWithin(ctx context.Context, patience time.Duration, what string, f func(pgx.Tx) error) error {
	var err error
	enqueued := false
	for try := range maxTries {
		if try > 0 {
			if werr := wait(ctx, time.Duration(1+rand.IntN(20<<try))*time.Millisecond); werr != nil { //nolint:gosec // G404: jitter
				break
			}
		}
		if enqueued, err = transact(ctx, s.pool, patience, f); !lostRace(err) {
			break
		}
	}
	if err == nil && enqueued {
		s.queue.Announce()
	}
	return translate(what, err)
}

// transact runs f in one transaction, commits it unless f fails, and reports
// whether jobs were enqueued in it.
func transact(ctx context.Context, pool *pgxpool.Pool, patience time.Duration, f func(pgx.Tx) error) (enqueued bool, err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release() // a connection with a transaction left open is not used again
	t := &transaction{conn: conn, patience: patience}
	if err := f(t); err != nil {
		t.end(ctx)
		return false, err
	}
	if t.Tx == nil {
		return false, nil
	}
	return t.enqueued, t.Commit(ctx)
}

// transaction begins with its first statement or batch, in one round trip once
// the connection knows both, and remembers whether jobs were enqueued in it. Of
// pgx.Tx's other methods only Begin may come first.
type transaction struct {
	pgx.Tx   // nil before the first statement
	conn     *pgxpool.Conn
	patience time.Duration // with locks
	enqueued bool
}

// end rolls back what has begun.
func (t *transaction) end(ctx context.Context) {
	if t.Tx != nil {
		_ = t.Rollback(ctx) // if that fails the connection is not used again
	}
}

// Begin implements pgx.Tx: it sets a savepoint.
func (t *transaction) Begin(ctx context.Context) (pgx.Tx, error) {
	if t.Tx == nil {
		if err := t.SendBatch(ctx, new(pgx.Batch)).Close(); err != nil {
			return nil, err
		}
	}
	return t.Tx.Begin(ctx)
}

// SendBatch implements pgx.Tx.
func (t *transaction) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if t.Tx != nil {
		return t.Tx.SendBatch(ctx, b)
	}
	var all pgx.Batch
	all.BeginTx(pgx.TxOptions{})
	if t.patience != usualPatience {
		all.Queue(fmt.Sprintf("SET LOCAL lock_timeout = %d", t.patience.Milliseconds()))
	}
	begin := all.Len()
	all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)
	results := t.conn.SendBatch(ctx, &all)
	t.Tx = results.Tx()
	for range begin {
		_, _ = results.Exec() // if it failed, so does whatever is read next
	}
	return results
}

// Exec implements pgx.Tx.
func (t *transaction) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if t.Tx != nil {
		return t.Tx.Exec(ctx, sql, args...)
	}
	results := t.begin(ctx, sql, args)
	tag, err := results.Exec()
	if closed := results.Close(); err == nil {
		err = closed
	}
	return tag, err
}

// Query implements pgx.Tx.
func (t *transaction) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if t.Tx != nil {
		return t.Tx.Query(ctx, sql, args...)
	}
	results := t.begin(ctx, sql, args)
	rows, err := results.Query()
	first := &firstRows{Rows: rows, results: results}
	if err != nil { // nobody closes what an error came with
		first.Close()
	}
	return first, err
}

// QueryRow implements pgx.Tx.
func (t *transaction) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if t.Tx != nil {
		return t.Tx.QueryRow(ctx, sql, args...)
	}
	return firstRow{t.begin(ctx, sql, args)}
}

// begin sends the first statement.
func (t *transaction) begin(ctx context.Context, sql string, args []any) pgx.BatchResults {
	var b pgx.Batch
	b.Queue(sql, args...)
	return t.SendBatch(ctx, &b)
}

// firstRow is what a transaction's first statement returned.
type firstRow struct{ results pgx.BatchResults }

// Scan implements pgx.Row.
func (r firstRow) Scan(dest ...any) error {
	err := r.results.QueryRow().Scan(dest...)
	if closed := r.results.Close(); err == nil {
		err = closed
	}
	return err
}

// firstRows are what a transaction's first statement returned. The connection
// is free for the next one when they are closed.
type firstRows struct {
	pgx.Rows
	results pgx.BatchResults
	closed  error
}

// Next implements pgx.Rows.
func (r *firstRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

// Close implements pgx.Rows.
func (r *firstRows) Close() {
	r.Rows.Close()
	r.closed = r.results.Close()
}

// Err implements pgx.Rows.
func (r *firstRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return err
	}
	return r.closed
}

// enqueue inserts jobs in a transaction that tx runs. No jobs are no error.
func (s *Store) enqueue(ctx context.Context, tx pgx.Tx, jobs []chat.Job) error {
	var b pgx.Batch
	if err := s.enqueueIn(tx, &b, jobs); err != nil || b.Len() == 0 {
		return err
	}
	return tx.SendBatch(ctx, &b).Close()
}

// enqueueIn is enqueue in a batch that tx is going to send.
func (s *Store) enqueueIn(tx pgx.Tx, b *pgx.Batch, jobs []chat.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	if err := s.announces(tx); err != nil {
		return err
	}
	s.queue.Enqueue(b, jobs)
	return nil
}

// hasten makes the jobs due, in a transaction that tx runs, that conversations with
// work left wait for.
func (s *Store) hasten(ctx context.Context, tx pgx.Tx, jobs ...chat.AdvanceJob) error {
	if len(jobs) == 0 {
		return nil
	}
	if err := s.announces(tx); err != nil {
		return err
	}
	var b pgx.Batch
	for _, job := range jobs {
		s.queue.Hasten(&b, job)
	}
	return tx.SendBatch(ctx, &b).Close()
}

var errNoQueue = errors.New("this store was given no queue")

// announces has the workers told of jobs when the transaction has committed.
func (s *Store) announces(tx pgx.Tx) error {
	if s.queue == nil {
		return errNoQueue
	}
	if t, ok := tx.(*transaction); ok {
		t.enqueued = true
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// lostRace reports a deadlock or serialisation failure: nothing was done, and
// the same transaction may succeed now (SQLSTATE class 40).
func lostRace(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}
