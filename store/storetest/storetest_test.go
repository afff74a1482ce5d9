package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"textme/migrations"
)

func TestPoolsAreApart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "two", "three"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := Pool(t)
			pending, err := migrations.Pending(t.Context(), pool)
			if err != nil || pending {
				t.Errorf("pending migrations: %v, %v", pending, err)
			}
			// Twice in one database, this would fail.
			if _, err := pool.Exec(t.Context(), "CREATE TABLE mine ()"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDatabaseGoesWithItsTest(t *testing.T) {
	t.Parallel()
	var database string
	t.Run("test", func(t *testing.T) {
		pool := Pool(t)
		database = pool.Config().ConnConfig.Database
		leftOpen, err := pgxpool.New(context.Background(), pool.Config().ConnString())
		if err != nil {
			t.Fatal(err)
		}
		if err := leftOpen.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	if got := databases(t, s.admin, database); len(got) != 0 {
		t.Errorf("%q is still there", got)
	}
}

// databases lists those whose names begin with prefix.
func databases(t *testing.T, pool *pgxpool.Pool, prefix string) (names []string) {
	t.Helper()
	const q = `SELECT coalesce(array_agg(datname::text ORDER BY datname), '{}') FROM pg_database WHERE starts_with(datname, $1)`
	if err := pool.QueryRow(t.Context(), q, prefix).Scan(&names); err != nil {
		t.Fatal(err)
	}
	return names
}

// recorder is a test that only notes that it failed.
type recorder struct {
	testing.TB
	failure string
}

func (*recorder) Helper()                          {}
func (r *recorder) Errorf(format string, _ ...any) { r.failure = format }

func TestKeptConnectionFails(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{TB: t}
	closePool(r, pool, 10*time.Millisecond)
	if !strings.Contains(r.failure, "kept %d connections") {
		t.Errorf("failure %q, want one about the connection", r.failure)
	}
	kept.Release()
	pool.Close()
}

func BenchmarkDatabase(b *testing.B) {
	s, err := shared()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		name, err := s.clone(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := s.drop(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
}
