// Package storetest hands every test a database of its own with textme's schema
// in it, on a real PostgreSQL server.
//
// The first test that asks starts one server for the test process, with its data
// in memory if there is room, and migrates one template database; a test's
// database is a copy of that, which takes some 30 milliseconds, and is dropped
// when the test ends. So tests may commit, listen, run jobs and run in parallel.
// No TestMain is needed: the server dies with the process, also after a panic, a
// timeout or kill -9, and its folder is removed.
//
// With TEST_DATABASE_URL set (postgres://…, a role that may create databases),
// that server is used instead. What a run leaves there, at least its template,
// the next run drops.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// DSN creates a migrated database and returns its URL. It ends the test if it
// cannot. When the test ends the database is dropped, and with it whatever
// connections are left. Each call makes another database.
func DSN(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	name, err := s.clone(t.Context())
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.drop(ctx, name); err != nil {
			t.Errorf("storetest: %v", err)
		}
	})
	return s.dsn(name)
}

// Pool is DSN with a pool of at most ten connections on it, which is closed when
// the test ends. A connection that the test has not given back by then, and does
// not within ten seconds, fails it. Pool(t).Config().ConnString() is the URL.
func Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(DSN(t))
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	config.MaxConns = 10
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("storetest: %v", err)
	}
	t.Cleanup(func() { closePool(t, pool, 10*time.Second) })
	return pool
}

// closePool closes the pool, or fails the test when a connection stays out:
// Close itself would wait for it forever.
func closePool(t testing.TB, pool *pgxpool.Pool, patience time.Duration) {
	t.Helper()
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Errorf("storetest: the test kept %d connections of its pool", pool.Stat().AcquiredConns())
	}
}
