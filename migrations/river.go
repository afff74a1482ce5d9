package migrations

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	// riverMigration is our goose version that carries River's tables.
	riverMigration = 4
	// riverVersion pins River's own schema version (line "main" of River
	// 0.51): a later River adds a later goose migration, so that a database
	// never depends on which build of River migrated it.
	riverVersion = 8
)

// river wraps River's migrator as one goose migration. River's versions cannot
// share a transaction (version 6 uses an enum value that version 4 adds), so
// it runs outside one, on the pool; it is idempotent, a torn run is continued.
func river(pool *pgxpool.Pool) *goose.Migration {
	migrate := func(direction rivermigrate.Direction, target int) *goose.GoFunc {
		return &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error {
			m, err := rivermigrate.New(riverpgxv5.New(pool), nil)
			if err != nil {
				return err
			}
			_, err = m.Migrate(ctx, direction, &rivermigrate.MigrateOpts{TargetVersion: target})
			return err
		}}
	}
	const beforeFirst = -1 // rivermigrate: everything, its ledger included
	return goose.NewGoMigration(riverMigration,
		migrate(rivermigrate.DirectionUp, riverVersion),
		migrate(rivermigrate.DirectionDown, beforeFirst))
}
