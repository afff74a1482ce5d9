package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"textme/store/pgembed"
)

// database is a durable Postgres on a disk, with its own default settings but
// for the number of connections.
type database struct {
	dir    string
	server *pgembed.Server
	pid    int
	admin  *pgx.Conn
	copies int
}

// template is the database that the others are copies of.
const template = "template_textme"

func startDatabase(ctx context.Context) (_ *database, err error) {
	dir, err := os.MkdirTemp(diskDir(), "textme-bench-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // G302: Postgres runs as another account if we are root
		return nil, err
	}
	data := filepath.Join(dir, "postgres")
	server, err := pgembed.Start(ctx, pgembed.Options{Dir: data, Database: template})
	if err != nil {
		return nil, err
	}
	d := &database{dir: dir, server: server}
	if d.pid, err = readPID(filepath.Join(data, "data", "postmaster.pid")); err == nil {
		d.admin, err = pgx.Connect(ctx, d.dsn("postgres"))
	}
	if err != nil {
		return nil, errors.Join(err, server.Stop(ctx))
	}
	return d, nil
}

// diskDir is a folder for temporary files that is on a disk: /tmp often is
// memory, where a commit costs nothing.
func diskDir() string {
	const disk = "/var/tmp" // kept over restarts (FHS 3.0, 5.15)
	if _, err := os.Stat(disk); err == nil {
		return disk
	}
	return os.TempDir()
}

func readPID(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// dsn is the URL of another database on the server.
func (d *database) dsn(name string) string {
	u, _ := url.Parse(d.server.DSN) // pgembed's
	u.Path = "/" + name
	return u.String()
}

// copy makes a database that is like the template and returns its URL.
func (d *database) copy(ctx context.Context) (dsn string, err error) {
	d.copies++
	name := fmt.Sprintf("copy_%d", d.copies)
	if _, err := d.admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		return "", fmt.Errorf("copy the database: %w", err)
	}
	return d.dsn(name), nil
}

// settle writes out what is due, so that it does not fall into a measurement.
func (d *database) settle(ctx context.Context) error {
	_, err := d.admin.Exec(ctx, "CHECKPOINT")
	return err
}

// setting reads one of the server's settings.
func (d *database) setting(ctx context.Context, q string) (value string, err error) {
	err = d.admin.QueryRow(ctx, q).Scan(&value)
	return value, err
}

func (d *database) stop(ctx context.Context) error {
	return errors.Join(d.admin.Close(ctx), d.server.Stop(ctx), os.RemoveAll(d.dir))
}
