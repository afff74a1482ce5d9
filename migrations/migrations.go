// Package migrations holds textme's schema and applies it.
//
// The SQL files are embedded and applied in order by goose, under a session
// lock of Postgres, so any number of replicas may start at once: one applies,
// the others wait and find nothing to do. River's tables come from River's own
// migrator, wrapped in one goose migration (river.go), so that goose stays the
// only ledger.
//
// Migrations are additive: the previous release keeps running after Up. Every
// migration has a real Down.
package migrations

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed *.sql
var files embed.FS

// Status is one migration of this build and when, if at all, the database
// received it.
type Status struct {
	Version   int64
	Name      string
	AppliedAt time.Time // zero: pending
}

// Up applies every pending migration and returns how many it applied. Calling
// it again, or from several processes at once, is safe: the callers queue on a
// session lock and the late ones apply nothing. The pool needs at least three
// connections: the lock holds one, River's migrator takes another.
func Up(ctx context.Context, pool *pgxpool.Pool) (applied int, err error) {
	err = withProvider(pool, func(p *goose.Provider) error {
		results, err := p.Up(ctx)
		applied = len(results)
		return err
	})
	if err != nil {
		return applied, fmt.Errorf("migrate up: %w", err)
	}
	return applied, nil
}

// Down takes the newest applied migration back and reports its version; 0
// means that nothing was applied. Data in the tables it drops is lost.
func Down(ctx context.Context, pool *pgxpool.Pool) (version int64, err error) {
	err = withProvider(pool, func(p *goose.Provider) error {
		result, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		if result != nil {
			version = result.Source.Version
		}
		return err
	})
	if err != nil {
		return version, fmt.Errorf("migrate down: %w", err)
	}
	return version, nil
}

// Statuses lists every migration of this build, oldest first. It changes
// nothing but may create goose's own version table.
func Statuses(ctx context.Context, pool *pgxpool.Pool) (statuses []Status, err error) {
	err = withProvider(pool, func(p *goose.Provider) error {
		list, err := p.Status(ctx)
		for _, s := range list {
			statuses = append(statuses, Status{Version: s.Source.Version, Name: cmp.Or(s.Source.Path, "river"), AppliedAt: s.AppliedAt})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("migration status: %w", err)
	}
	return statuses, nil
}

// Pending reports whether the database lacks a migration of this build.
func Pending(ctx context.Context, pool *pgxpool.Pool) (pending bool, err error) {
	err = withProvider(pool, func(p *goose.Provider) error {
		pending, err = p.HasPending(ctx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("pending migrations: %w", err)
	}
	return pending, nil
}

// withProvider runs f on a goose provider over the pool. The lock is tried
// every second for two minutes; goose's default of every five seconds would
// keep a second replica waiting for nothing.
func withProvider(pool *pgxpool.Pool, f func(*goose.Provider) error) error {
	const every, tries = 1, 120
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(every, tries))
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(pool)
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSessionLocker(locker),
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(river(pool)))
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(f(p), p.Close())
}
