package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// The scripts do what one request must leave in the database and nothing else,
// each in a transaction and a round trip of its own: the database's own limit.
//
//go:embed sql
var scripts embed.FS

// databaseLimit measures what the database reaches by itself and adds a row.
func (b *bench) databaseLimit(ctx context.Context, goal, script string, clients int) (float64, error) {
	dsn, err := b.db.copy(ctx)
	if err != nil {
		return 0, err
	}
	if err := b.db.settle(ctx); err != nil {
		return 0, err
	}
	before := cpuOfFamily(b.db.pid)
	limit, err := limitOf(ctx, b.db, dsn, script, clients, b.seconds)
	if err != nil {
		return 0, err
	}
	line := row{goal: goal, what: fmt.Sprintf("database alone (%s), %d clients", script, clients), rate: limit}
	if limit > 0 {
		line.postgres = (cpuOfFamily(b.db.pid) - before) / time.Duration(limit*b.seconds.Seconds())
	}
	b.report.add(line)
	return limit, nil
}

// limitOf runs the script with so many clients for d and returns transactions
// per second, by pgbench if the server came with it.
func limitOf(ctx context.Context, db *database, dsn, script string, clients int, d time.Duration) (perSecond float64, err error) {
	text, err := scripts.ReadFile("sql/" + script)
	if err != nil {
		return 0, err
	}
	bin, err := db.setting(ctx, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
	if err != nil {
		return 0, err
	}
	program := filepath.Join(bin, "pgbench")
	if _, err := os.Stat(program); err != nil {
		return withoutPgbench(ctx, dsn, string(text), clients, d)
	}
	file := filepath.Join(db.dir, script)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, program, "--no-vacuum", "--protocol=prepared", "--file="+file,
		"--client="+strconv.Itoa(clients), "--jobs=2", "--time="+strconv.Itoa(max(1, int(d.Seconds()))), dsn).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	found := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("pgbench printed no rate:\n%s", out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// withoutPgbench does as pgbench would: prepared statements, in one pipeline.
func withoutPgbench(ctx context.Context, dsn, script string, clients int, d time.Duration) (perSecond float64, err error) {
	statements := statementsOf(script)
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var done atomic.Int64
	var failed sync.Map
	var running sync.WaitGroup
	begin := time.Now()
	for i := range clients {
		running.Go(func() {
			if err := repeat(ctx, dsn, statements, &done); err != nil && ctx.Err() == nil {
				failed.Store(i, err)
			}
		})
	}
	running.Wait()
	failed.Range(func(_, e any) bool { err = errors.Join(err, e.(error)); return true })
	return float64(done.Load()) / time.Since(begin).Seconds(), err
}

func repeat(ctx context.Context, dsn string, statements []string, done *atomic.Int64) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		var batch pgx.Batch
		for _, q := range statements {
			batch.Queue(q)
		}
		if err := conn.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		done.Add(1)
	}
	return nil
}

// statementsOf leaves out what only pgbench understands; a batch is a
// transaction by itself.
func statementsOf(script string) (statements []string) {
	var sql strings.Builder
	for line := range strings.Lines(script) {
		if !strings.HasPrefix(line, `\`) && !strings.HasPrefix(line, "--") {
			sql.WriteString(line)
		}
	}
	for q := range strings.SplitSeq(sql.String(), ";") {
		if q = strings.TrimSpace(q); q != "" && q != "BEGIN" && q != "COMMIT" {
			statements = append(statements, q)
		}
	}
	return statements
}
