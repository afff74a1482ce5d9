package pgembed_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestTwoStartsAtOnce(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	a, b := startApp(t, dir, nil), startApp(t, dir, nil)
	sa, sb := a.up(), b.up()
	if sa.Owned == sb.Owned {
		t.Fatalf("owners: %v and %v, want exactly one", sa.Owned, sb.Owned)
	}
	if sa.DSN != sb.DSN {
		t.Errorf("two addresses: %s and %s", sa.DSN, sb.DSN)
	}
	exec1(t, sa.DSN, "CREATE TABLE shared AS SELECT 'hello' AS word")
	if got := exec1(t, sb.DSN, "SELECT word FROM shared"); got != "hello" {
		t.Errorf("the other process reads %q, want hello", got)
	}
}

// An attached process does not keep the server: it goes with its owner. Then
// calling Start again makes the attached process the owner of the same data.
func TestAttachedOutlivesOwner(t *testing.T) {
	t.Parallel()
	dir := oldDir(t)
	owner := startApp(t, dir, nil)
	exec1(t, owner.up().DSN, "CREATE TABLE kept AS SELECT 'kept' AS word")
	attached := startApp(t, dir, nil)
	s := attached.up()
	if s.Owned {
		t.Fatal("the second process owns a server that runs already")
	}
	conn, err := pgx.Connect(t.Context(), s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())

	if err := owner.terminate(); err != nil {
		t.Fatalf("the owner did not end well: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a connection outlived the server's owner")
	}
	if c, err := pgx.Connect(t.Context(), s.DSN); err == nil {
		c.Close(t.Context())
		t.Error("the server outlived its owner")
	}

	attached.again()
	s = attached.up()
	if !s.Owned {
		t.Error("starting again did not make the process the owner")
	}
	if got := exec1(t, s.DSN, "SELECT word FROM kept"); got != "kept" {
		t.Errorf("the new owner reads %q, want kept", got)
	}
}

// An attached process ends without touching the server.
func TestOwnerOutlivesAttached(t *testing.T) {
	t.Parallel()
	dir := oldDir(t)
	owner := startApp(t, dir, nil)
	s := owner.up()
	attached := startApp(t, dir, nil)
	attached.up()
	if err := attached.terminate(); err != nil {
		t.Fatalf("the attached process did not end well: %v", err)
	}
	exec1(t, s.DSN, "CREATE TABLE still_here ()")
}
