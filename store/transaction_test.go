package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"textme/chat"
	"textme/store/storetest"
)

// A transaction begins with its first statement, whichever kind that is; it is
// whole or not at all, and gives its connection back to be used again.
func TestTransactionsBeginWithTheirFirstStatement(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t)
	s := &Store{pool: pool}
	ctx := t.Context()
	if _, err := pool.Exec(ctx, `CREATE TABLE notes (n int PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	const insert = `INSERT INTO notes VALUES ($1) RETURNING n`
	first := map[string]func(context.Context, pgx.Tx, int) error{
		"exec": func(ctx context.Context, tx pgx.Tx, n int) error {
			_, err := tx.Exec(ctx, insert, n)
			return err
		},
		"query": func(ctx context.Context, tx pgx.Tx, n int) error {
			_, err := collect[int](ctx, tx, insert, n)
			return err
		},
		"query row": func(ctx context.Context, tx pgx.Tx, n int) error {
			return tx.QueryRow(ctx, insert, n).Scan(&n)
		},
		"batch": func(ctx context.Context, tx pgx.Tx, n int) error {
			var b pgx.Batch
			b.Queue(insert, n)
			return tx.SendBatch(ctx, &b).Close()
		},
		"savepoint": func(ctx context.Context, tx pgx.Tx, n int) error {
			return pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error {
				_, err := inner.Exec(ctx, insert, n)
				return err
			})
		},
	}
	count := func() (n int) {
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM notes`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	n := 0
	for name, do := range first {
		made := pool.Stat().NewConnsCount()
		before := count()
		errUndo := errors.New("undo")
		err := s.tx(ctx, "test", func(tx pgx.Tx) error {
			if err := do(ctx, tx, n); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return errUndo
		})
		if got := count(); !errors.Is(err, errUndo) || got != before {
			t.Errorf("%s and an error: %v, %d rows, want %d", name, err, got, before)
		}
		err = s.tx(ctx, "test", func(tx pgx.Tx) error {
			return errors.Join(do(ctx, tx, n), do(ctx, tx, n+1))
		})
		if got := count(); err != nil || got != before+2 {
			t.Errorf("%s twice: %v, %d rows, want %d", name, err, got, before+2)
		}
		err = s.tx(ctx, "test", func(tx pgx.Tx) error { return do(ctx, tx, n) })
		if got := count(); constraint(err) != "notes_pkey" || got != before+2 {
			t.Errorf("%s again: %v, %d rows, want a violation of notes_pkey and %d", name, err, got, before+2)
		}
		if now := pool.Stat().NewConnsCount(); now != made {
			t.Errorf("%s: %d connections were lost", name, now-made)
		}
		n += 2
	}
	if err := s.tx(ctx, "test", func(pgx.Tx) error { return nil }); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}

// A transaction that loses a race in its first statement is run again.
func TestTransactionsAreTriedAgain(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t)
	s := &Store{pool: pool}
	ctx := t.Context()
	tries := 0
	err := s.tx(ctx, "test", func(tx pgx.Tx) error {
		tries++
		if tries > 2 {
			_, err := tx.Exec(ctx, `CREATE TABLE notes ()`)
			return err
		}
		_, err := tx.Exec(ctx, `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$`)
		var pe *pgconn.PgError
		if !errors.As(err, &pe) {
			t.Errorf("got %v, want Postgres's error", err)
		}
		return err
	})
	if err != nil || tries != 3 {
		t.Errorf("got %v after %d tries, want success after 3", err, tries)
	}
}

// Row D3: a transaction that loses every race is tried four times, and between two tries
// waits for a random time up to 40, 80 and then 160 ms, so that those who met come again
// apart. Nothing else is tried again, and nobody waits longer than they want.
func TestRetriesAreFewAndSpread(t *testing.T) {
	t.Parallel()
	pool := storetest.Pool(t)
	s := &Store{pool: pool}
	if err := pool.Ping(t.Context()); err != nil { // what is connected now needs no connecting in other time
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		tries := func(ctx context.Context, with error) (waits []time.Duration, err error) {
			last := time.Now()
			err = s.tx(ctx, "test", func(pgx.Tx) error {
				waits = append(waits, time.Since(last))
				last = time.Now()
				return with
			})
			return waits, err
		}
		race := &pgconn.PgError{Code: "40001"}
		most := []time.Duration{0, 40 * time.Millisecond, 80 * time.Millisecond, 160 * time.Millisecond}
		waits := make([][]time.Duration, len(most))
		for range 200 {
			got, err := tries(t.Context(), race)
			if len(got) != len(most) || !errors.Is(err, chat.ErrUnavailable) {
				t.Fatalf("got %v after %d tries, want ErrUnavailable after %d", err, len(got), len(most))
			}
			for i, wait := range got {
				waits[i] = append(waits[i], wait)
			}
		}
		for i, most := range most {
			shortest, longest := slices.Min(waits[i]), slices.Max(waits[i])
			if longest > most || longest < most*3/4 || shortest > most/4 {
				t.Errorf("before try %d the waits are %v to %v, want all between 0 and %v", i+1, shortest, longest, most)
			}
		}
		if got, err := tries(t.Context(), errNoQueue); len(got) != 1 || !errors.Is(err, errNoQueue) {
			t.Errorf("what is no race is tried %d times, %v; want once", len(got), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
		defer cancel()
		begun := time.Now()
		if got, _ := tries(ctx, race); len(got) != 1 || time.Since(begun) > time.Nanosecond {
			t.Errorf("who has a nanosecond has %d tries and waits %v", len(got), time.Since(begun))
		}
	})
}
