// Package store keeps everything in Postgres. One method is one transaction,
// and no transaction spans a call to the outside world.
//
// The promises of the product live in the schema: one open conversation per
// customer and sender, one welcome per conversation, one row per fact from
// Twilio. The methods here let racing callers meet on those indexes instead of
// checking first.
//
// Locks are always taken in one order, so that transactions wait for each
// other and do not deadlock: the advisory lock on a conversation SID, then the
// customer's row (which a STOP and the send gate share), then the
// conversation's row. Where several customers meet in one batch Postgres may
// still find a deadlock; such a transaction is tried again. A lock that somebody
// holds for long keeps a batch waiting for a moment only (see fairCommit).
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"textme/chat"
)

// Queue takes the jobs that facts call for.
type Queue interface {
	// Enqueue adds to a batch what inserts the jobs, so that they commit with
	// the fact.
	Enqueue(b *pgx.Batch, jobs []chat.Job)
	// Hasten adds to a batch what makes the conversation's job due now that is
	// waiting for its time; it inserts one only if there is none.
	Hasten(b *pgx.Batch, job chat.AdvanceJob)
	// Behind is how long the job has been waiting that a worker takes next; 0 when
	// none is due.
	Behind(ctx context.Context) (time.Duration, error)
	// Untried reports whether a job of the kind that was enqueued by then is neither done
	// nor tried twice.
	Untried(ctx context.Context, kind string, by time.Time) (bool, error)
	// Announce tells the workers, after that commit, to look for jobs.
	Announce()
}

// Decode reads a stored payload back into the event it was.
type Decode func(payload json.RawMessage) (chat.Event, error)

// Store implements the interfaces that chat and handlers declare. It is safe
// for concurrent use.
type Store struct {
	pool   *pgxpool.Pool
	keys   *chat.Keyring
	queue  Queue
	decode Decode

	ingest  *fairCommit[chat.Event, chat.Result]
	signups *fairCommit[chat.Signup, chat.Recorded]
}

// New wires a Store to a migrated database. A nil queue is for callers that
// record nothing a worker must see: what enqueues a job then is an error.
func New(pool *pgxpool.Pool, keys *chat.Keyring, queue Queue, decode Decode) *Store {
	s := &Store{pool: pool, keys: keys, queue: queue, decode: decode}
	s.ingest = newFairCommit(subjectOf, s.applyBatch, s.applyApart)
	s.signups = newFairCommit(personOf, s.recordOrSplit, s.recordApart)
	return s
}

// lockTimeout is how long a lock is waited for where nobody else waits meanwhile.
const lockTimeout = 3 * time.Second

// hangTimeout is how long a transaction may do nothing, and keep its locks, before
// Postgres ends it.
const hangTimeout = 10 * time.Second

// Open makes a pool of at most conns connections for the database at dsn. A
// statement may take 5 s and a lock 3 s: a request never hangs on the database
// for longer than its caller waits. Where the role may say so, Postgres keeps what
// is passed to statements out of its log. It does not connect yet.
func Open(ctx context.Context, dsn string, conns int) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a Postgres URL") // pgx quotes the password
	}
	config.MaxConns = int32(conns) //nolint:gosec // G115: a setting checked to be small
	for name, value := range map[string]string{
		"application_name":                    "textme",
		"statement_timeout":                   "5s",
		"lock_timeout":                        lockTimeout.String(),
		"idle_in_transaction_session_timeout": hangTimeout.String(),
	} {
		if _, set := config.ConnConfig.RuntimeParams[name]; !set {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	config.ConnConfig.AfterConnect = hideParameters
	return pgxpool.NewWithConfig(ctx, config)
}

// locked reports that a lock was not to be had in time.
func locked(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "55P03"
}

// translate names what was attempted and turns Postgres's errors into the
// domain's: no row is ErrNotFound, a database that cannot serve now is
// ErrUnavailable.
func translate(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%s: %w", what, chat.ErrNotFound)
	case unavailable(err):
		return fmt.Errorf("%s: %w: %w", what, chat.ErrUnavailable, err)
	default:
		return fmt.Errorf("%s: %w", what, err)
	}
}

// unavailable tells trouble of the database from trouble of the request.
// SQLSTATE classes: 08 connection, 25006 read-only (a standby), 40 lost race,
// 53 resources such as a full disk, 55P03 lock timeout, 57 shutdown and
// statement timeout, 58 system error.
func unavailable(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		for _, class := range []string{"08", "25006", "40", "53", "55P03", "57", "58"} {
			if strings.HasPrefix(pe.Code, class) {
				return true
			}
		}
		return false
	}
	var ce *pgconn.ConnectError
	return errors.As(err, &ce) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) || errors.Is(err, context.DeadlineExceeded) || brokenConn(err)
}

// brokenConn recognises a connection that went away under a query: pgx has no
// type for it, but such an error is never a PgError and wraps an I/O error.
func brokenConn(err error) bool {
	text := err.Error()
	return strings.Contains(text, "unexpected EOF") || strings.Contains(text, "conn closed") ||
		strings.Contains(text, "broken pipe") || strings.Contains(text, "connection reset") || strings.Contains(text, "closed pool")
}

// constraint is the name of the constraint that err violates, "" for none.
func constraint(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.ConstraintName
	}
	return ""
}

// optional turns "no row" into false.
func optional(err error) (found bool, _ error) {
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
