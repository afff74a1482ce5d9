package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// backUp copies every table and returns what puts the copies back.
func (s *story) backUp() (restore func()) {
	s.t.Helper()
	tables := one[[]string](s, `SELECT array_agg(table_name::text) FROM information_schema.tables
		WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'goose_db_version'`)
	all := func(tx pgx.Tx, format string) {
		for _, table := range tables {
			const columns = `SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
				WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'`
			_, err := tx.Exec(s.t.Context(), fmt.Sprintf(format, table, one[string](s, columns, table)))
			must(s.t, err)
		}
	}
	in := func(f func(pgx.Tx)) {
		must(s.t, pgx.BeginFunc(s.t.Context(), s.db, func(tx pgx.Tx) error {
			_, err := tx.Exec(s.t.Context(), `SET LOCAL session_replication_role = replica; CREATE SCHEMA IF NOT EXISTS backup`) // as pg_restore does
			f(tx)
			return err
		}))
	}
	in(func(tx pgx.Tx) { all(tx, `CREATE TABLE backup.%[1]s AS SELECT %[2]s FROM %[1]s`) })
	return func() {
		in(func(tx pgx.Tx) {
			all(tx, `DELETE FROM %[1]s`)
			all(tx, `INSERT INTO %[1]s (%[2]s) OVERRIDING SYSTEM VALUE SELECT %[2]s FROM backup.%[1]s`)
		})
	}
}

// Row D6: the database is an hour older than Twilio. Every conversation that
// it does not know, or no longer knows to be over, is found again, with all
// that was said; none is made twice and nobody is texted.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	s := newStoryAt(t, func(o *twiliosim.Options) {
		o.Now = func() time.Time { return time.Now().Add(-20 * time.Minute) } // too old for the bot to answer
	})
	s.looksBack()
	s.signsUp(ann, "Ann Canary")
	s.signsUp(dan, "Dan Canary")
	s.gets(ann, "thanks for signing up")
	s.gets(dan, "thanks for signing up")
	s.settled()
	s.stop()
	restore := s.backUp()
	s.serve()

	s.signsUp(bob, "Bob Canary") // a conversation of ours
	s.gets(bob, "thanks for signing up")
	s.says(carol, "canary") // one that Twilio makes
	s.says(ann, "STOP")
	s.settled()
	s.elsewhere(http.MethodPost, s.sidOf(dan), "State=closed")
	s.settled()
	if diff := s.differs(); diff != "" {
		t.Fatalf("-Twilio +ours:\n%s", diff)
	}
	conversations := len(s.sim.Conversations())

	s.stop()
	restore()
	if s.differs() == "" {
		t.Error("nothing is missing after the restore: the test proves nothing")
	}
	passes(t, s.db, 2*time.Hour)
	if got := s.runs(exitOK, "", "reconcile"); !strings.HasPrefix(got, "2 conversations") {
		t.Errorf("reconcile prints %q, want that 2 conversations are known", got)
	}
	s.serve()
	s.reconciled()
	s.until("what was found is taken over", func() bool { return one[int](s, `SELECT count(*) FROM conversations`) == conversations })
	s.settled()
	passes(t, s.db, 15*time.Minute) // and what became of the texts in it, with its own turn
	s.reconciled()
	if diff := s.differs(); diff != "" {
		t.Errorf("-Twilio +ours:\n%s", diff)
	}
	if n := len(s.sim.Conversations()); n != conversations {
		t.Errorf("Twilio has %d conversations, had %d", n, conversations)
	}
	for _, phone := range []chat.Phone{ann, bob, carol, dan} {
		if n := len(s.sim.Handset(string(phone)).Lost()); n > 0 {
			t.Errorf("%d texts were sent in vain", n)
		}
		s.hearsNothing(phone)
	}
}
