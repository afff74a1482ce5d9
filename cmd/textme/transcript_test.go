package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"textme/twilio/twiliosim"
)

// A record is what is to be known of one conversation, as lines that must be
// the same at Twilio and with us, byte for byte.
type record []string

// recordsAt is what the simulator's world holds, by conversation SID.
func recordsAt(sim *twiliosim.Server) map[string]record {
	records := map[string]record{}
	for _, c := range sim.Conversations() {
		var r record
		phone := ""
		participants := sim.Participants(c.SID)
		for _, p := range participants {
			phone = p.Address
		}
		for _, m := range sim.Messages(c.SID) {
			r = append(r, lineAt(sim, m))
		}
		state := "open"
		if c.State == "closed" {
			state = "closed"
		}
		if state == "open" && len(participants) == 1 {
			state += " " + participants[0].SID
		}
		if slices.ContainsFunc(sim.OptOuts(), func(o twiliosim.OptOut) bool { return o.Phone == phone }) {
			state += " opted out"
		}
		records[c.SID] = append(r, state)
	}
	return records
}

func lineAt(sim *twiliosim.Server, m twiliosim.Message) string {
	author, status := m.Author, "accepted 0"
	if m.Source == "SMS" {
		author, status = "customer", "received 0"
	}
	for _, r := range sim.Receipts(m.SID) {
		status = fmt.Sprint(r.Status, " ", r.ErrorCode)
	}
	return fmt.Sprintf("%d %s %s %s: %s", m.Index, m.SID, author, status, m.Body)
}

// recordsWith is what our tables hold, by conversation SID.
func recordsWith(t *testing.T, db *pgxpool.Pool) map[string]record {
	t.Helper()
	const q = `SELECT conversation_sid, coalesce((SELECT array_agg(format('%s %s %s %s %s: %s', index, message_sid, author, status, error_code, body) ORDER BY index)
				FROM messages m WHERE m.conversation_id = c.id AND message_sid IS NOT NULL), '{}'),
			concat_ws(' ', CASE state WHEN 'closed' THEN 'closed' ELSE 'open' END, CASE WHEN state <> 'closed' THEN participant_sid END,
				CASE WHEN EXISTS (SELECT FROM opt_outs WHERE cleared_at IS NULL AND heard_by IN
					(SELECT message_sid FROM messages m WHERE m.conversation_id = c.id)) THEN 'opted out' END)
		FROM conversations c WHERE conversation_sid IS NOT NULL`
	rows, err := db.Query(t.Context(), q)
	must(t, err)
	records := map[string]record{}
	var sid, state string
	var lines []string
	_, err = pgx.ForEachRow(rows, []any{&sid, &lines, &state}, func() error {
		records[sid] = append(record(lines), state)
		lines = nil
		return nil
	})
	must(t, err)
	return records
}

// differs says how our records differ from Twilio's, "" if they do not.
func (s *story) differs() string { return gocmp.Diff(recordsAt(s.sim), recordsWith(s.t, s.db)) }

// repeatedAt lists the texts of ours that are at Twilio more than once.
func repeatedAt(sim *twiliosim.Server) (bodies []string) {
	count := map[string]int{}
	for _, c := range sim.Conversations() {
		for _, m := range sim.Messages(c.SID) {
			if count[m.Attributes]++; strings.Contains(m.Attributes, "textme") && count[m.Attributes] == 2 {
				bodies = append(bodies, m.Body)
			}
		}
	}
	slices.SortFunc(bodies, cmp.Compare[string])
	return bodies
}

// passes makes everything that we know of so much older.
func passes(t *testing.T, db *pgxpool.Pool, d time.Duration) {
	t.Helper()
	for _, q := range []string{
		`UPDATE conversations SET reconcile_at = reconcile_at - $1::interval, mapping_checked_at = mapping_checked_at - $1::interval, last_activity_at = last_activity_at - $1::interval, heard_at = heard_at - $1::interval`,
		`UPDATE messages SET twilio_at = twilio_at - $1::interval, created_at = created_at - $1::interval, body_at = body_at - $1::interval`,
		`UPDATE events SET received_at = received_at - $1::interval, sweep_at = sweep_at - $1::interval`,
		`UPDATE looks SET seen_through = seen_through - $1::interval, next_at = next_at - $1::interval, outage_ended_at = outage_ended_at - $1::interval,
			restoring_since = restoring_since - $1::interval, found_at = found_at - $1::interval`,
	} {
		_, err := db.Exec(t.Context(), q, d)
		must(t, err)
	}
}

// polled tells whether every conversation has been polled once since it became
// due: then it is due again in some minutes.
func polled(t *testing.T, db *pgxpool.Pool) (done bool) {
	t.Helper()
	must(t, db.QueryRow(t.Context(), `SELECT NOT EXISTS (SELECT FROM conversations WHERE reconcile_at < now() + interval '5 minutes')
		AND NOT EXISTS (SELECT FROM looks WHERE next_at < now())`).Scan(&done))
	return done
}

// reconciled waits until every conversation has been polled.
func (s *story) reconciled() {
	s.t.Helper()
	s.until("every conversation has been polled", func() bool { return polled(s.t, s.db) })
	s.settled()
}
