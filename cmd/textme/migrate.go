package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/jackc/pgx/v5/pgxpool"

	"textme/migrations"
)

type migrateCommand struct {
	Up     migrateUp     `cmd:"" help:"Apply every pending migration. serve and dev do so by themselves."`
	Down   migrateDown   `cmd:"" help:"Take the newest migration back. Data in its tables is lost."`
	Status migrateStatus `cmd:"" help:"List the migrations and when they were applied."`
}

type migrateUp struct{ databaseSettings }

// Run applies what is pending.
func (c *migrateUp) Run(ctx context.Context, w world) error {
	return c.withOwner(ctx, func(pool *pgxpool.Pool) error {
		applied, err := migrations.Up(ctx, pool)
		if err != nil {
			return err
		}
		fmt.Fprintf(w.out, "%d migrations applied\n", applied)
		return nil
	})
}

type migrateDown struct{ databaseSettings }

// Run takes one migration back.
func (c *migrateDown) Run(ctx context.Context, w world) error {
	return c.withOwner(ctx, func(pool *pgxpool.Pool) error {
		version, err := migrations.Down(ctx, pool)
		switch {
		case err != nil:
			return err
		case version == 0:
			fmt.Fprintln(w.out, "nothing is applied")
		default:
			fmt.Fprintf(w.out, "migration %d taken back\n", version)
		}
		return nil
	})
}

type migrateStatus struct {
	databaseSettings
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists the migrations.
func (c *migrateStatus) Run(ctx context.Context, w world) error {
	return c.withOwner(ctx, func(pool *pgxpool.Pool) error {
		list, err := migrations.Statuses(ctx, pool)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(w, list)
		}
		t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
		for _, m := range list {
			applied := "pending"
			if !m.AppliedAt.IsZero() {
				applied = m.AppliedAt.UTC().Format("2006-01-02 15:04:05Z")
			}
			fmt.Fprintf(t, "%d\t%s\t%s\n", m.Version, m.Name, applied)
		}
		return t.Flush()
	})
}

// withOwner runs f on the database of the settings, or of a running dev.
func (s databaseSettings) withOwner(ctx context.Context, f func(*pgxpool.Pool) error) error {
	found, _, err := s.orDev(keySettings{})
	if err != nil {
		return err
	}
	pool, err := found.ownerPool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	return f(pool)
}
