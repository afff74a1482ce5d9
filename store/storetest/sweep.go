package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// namePrefix begins the names of our databases: prefix and run is a template,
// prefix, run and number a copy of it.
const namePrefix = "textme_test_"

// claim holds an advisory lock on our template's name as long as this process
// lives, by keeping a connection for itself.
func (s *server) claim(ctx context.Context) error {
	conn, err := s.admin.Acquire(ctx)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `SELECT pg_advisory_lock(hashtext($1))`, s.template)
	return err
}

// sweep drops the databases of runs that hold no lock any more.
func (s *server) sweep(ctx context.Context) error {
	const q = `
		SELECT datname
		FROM pg_database
		WHERE datname ~ ('^' || $1 || '[0-9a-f]{16}(_[0-9]+)?$')`
	rows, err := s.admin.Query(ctx, q, namePrefix)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.sweepOne(ctx, name); err != nil {
			return fmt.Errorf("drop %s of an earlier run: %w", name, err)
		}
	}
	return nil
}

func (s *server) sweepOne(ctx context.Context, name string) error {
	template := name[:len(s.template)] // all of them are equally long
	conn, err := s.admin.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var dead bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtext($1))`, template).Scan(&dead); err != nil || !dead {
		return err
	}
	err = s.drop(ctx, name)
	_, unlockErr := conn.Exec(ctx, `SELECT pg_advisory_unlock(hashtext($1))`, template)
	return errors.Join(err, unlockErr)
}
