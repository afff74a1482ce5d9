package pgembed

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	superuser = "postgres"
	// The port is part of the socket's name and nothing else.
	socketPort = "5432"
	socketName = ".s.PGSQL." + socketPort
)

// dsn is the URL of a database on the socket in a folder of any name.
func dsn(socket, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {socket}, "port": {socketPort}}.Encode(),
	}
	return u.String()
}

// ping returns nil if the server on the socket accepts connections.
func ping(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn(socket, "postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// createDatabase makes sure that the database exists. Another process may be
// doing the same.
func createDatabase(ctx context.Context, socket, name string) (err error) {
	conn, err := pgx.Connect(ctx, dsn(socket, "postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var exists bool
	const q = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
	if err := conn.QueryRow(ctx, q, name).Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize())
	const duplicateDatabase, uniqueViolation = "42P04", "23505"
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == duplicateDatabase || refused.Code == uniqueViolation) {
		return nil
	}
	return err
}
