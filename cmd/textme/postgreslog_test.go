package main

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"textme/migrations"
	"textme/store/pgembed"
)

// Row V1: whoever has Postgres log slow statements finds no phone and no text in
// there: both are parameters of statements, and those are not logged. Here every
// statement is slow, and some fail.
func TestPostgresLogTellsNobody(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	server, err := pgembed.Start(t.Context(), pgembed.Options{
		Dir: dir, Fast: true, Settings: map[string]string{"log_min_duration_statement": "0", "log_error_verbosity": "verbose"},
	})
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		must(t, server.Stop(ctx))
	})
	db, err := pgxpool.New(t.Context(), server.DSN)
	must(t, err)
	t.Cleanup(db.Close)
	_, err = migrations.Up(t.Context(), db)
	must(t, err)

	s := newStory(t, func(env map[string]string) { env["DATABASE_URL"] = server.DSN })
	s.db = db
	s.signsUp(ann, "Ann Canary")
	s.gets(ann, "thanks for signing up")
	s.says(ann, "HOURS")
	s.gets(ann, "open Mon-Fri 9-6")
	s.says(ann, "STOP")
	s.says(ann, "Canary, are you open on Sundays?")
	s.settled()
	s.runs(exitOK, "", "why", string(ann))
	s.runs(exitOK, "a long canary password\n", "admins", "add", "carla")
	s.post("/admin/sign-in", url.Values{"username": {"carla"}, "password": {"a long canary password"}})
	s.get("/admin/conversations?q=Canary", http.StatusOK)
	s.get("/admin/conversations?q=%2B14155550142", http.StatusOK)
	// Postgres refuses a second message with an index.
	form := url.Values{
		"AccountSid": {s.env["TWILIO_ACCOUNT_SID"]}, "EventType": {"onMessageAdded"}, "MessageSid": {"IM" + randomHex(16)},
		"ConversationSid": {one[string](s, `SELECT conversation_sid FROM conversations`)}, "Index": {"0"}, "Author": {string(ann)}, "Body": {"Canary"},
	}
	s.answers(s.webhook("/webhooks/twilio/conversations", form.Encode()), http.StatusNoContent)
	s.stop()

	text, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
	must(t, err)
	for _, want := range []string{"store.insertEvents", "duplicate key", "DETAIL"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the log does not tell of %s: it proves nothing", want)
		}
	}
	log := new(output)
	_, _ = log.Write(text)
	log.checkPrivate(t)
}
