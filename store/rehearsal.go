package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// Rehearsal is how the projection that the stored events alone come to differs
// from the live one.
type Rehearsal struct {
	Events      int          `json:"events"`   // applied
	LeftOut     int          `json:"left_out"` // cannot be read any more, or the database refuses them
	Differences []Difference `json:"differences"`
}

// Difference is one row that is not the same. It names no value, which might be
// what a person wrote.
type Difference struct {
	Table   string   `json:"table"`
	Key     string   `json:"key"`               // SIDs and the like
	Only    string   `json:"only,omitempty"`    // "live" or "replay" where the other has no such row
	Columns []string `json:"columns,omitempty"` // that differ
}

// mostDifferences bounds what a Rehearsal lists of one table.
const mostDifferences = 1000

// replayBatch is how many events are applied at once.
const replayBatch = 200

// Rehearse applies every stored event onto an empty projection and compares
// the outcome with the live one: incoming texts, receipts and what they come
// to, edits and deletions, opt-outs, closed conversations and vanished
// participants. What is known from pruned events, or from no event (our own
// texts as they were sent, the rows themselves), is there from the beginning.
//
// The empty projection are temporary tables that hide the live ones from one
// connection, in a transaction that is rolled back: nothing live is changed or
// locked, whatever the number of events. It takes about as long as the events
// took when they came.
func (s *Store) Rehearse(ctx context.Context) (r Rehearsal, err error) {
	config := s.pool.Config().ConnConfig.Copy()
	config.RuntimeParams["statement_timeout"] = "0" // it copies whole tables
	conn, err := pgx.ConnectConfig(ctx, config)     // one of its own: it must not know statements on the live tables
	if err != nil {
		return r, translate("rehearse", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return r, translate("rehearse", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	stage := stage{Store: s, tx: tx}
	for _, step := range []func(context.Context, *Rehearsal) error{stage.set, stage.play, stage.compare} {
		if err := step(ctx, &r); err != nil {
			return r, translate("rehearse", err)
		}
	}
	return r, nil
}

// stage is where a Rehearsal takes place.
type stage struct {
	*Store
	tx   pgx.Tx
	live string // the live tables' schema, quoted
}

// hide makes the temporary tables and what there is before any event. Live
// tables are {live}.name, the temporary ones have the bare name. The unique
// indexes of conversations go: rows that an event closed begin open.
const hide = `
CREATE TEMP TABLE customers (LIKE {live}.customers INCLUDING ALL) ON COMMIT DROP;
CREATE TEMP TABLE conversations (LIKE {live}.conversations INCLUDING ALL EXCLUDING INDEXES EXCLUDING GENERATED) ON COMMIT DROP;
CREATE TEMP TABLE messages (LIKE {live}.messages INCLUDING ALL) ON COMMIT DROP;
CREATE TEMP TABLE receipts (LIKE {live}.receipts INCLUDING ALL) ON COMMIT DROP;
CREATE TEMP TABLE opt_outs (LIKE {live}.opt_outs INCLUDING ALL) ON COMMIT DROP;
CREATE TEMP TABLE pauses (LIKE {live}.pauses INCLUDING ALL) ON COMMIT DROP;

-- Messages whose events are not there any more: they are taken as they are.
CREATE TEMP TABLE forgotten ON COMMIT DROP AS
	SELECT message_sid FROM {live}.events WHERE payload IS NULL AND applied_at IS NOT NULL AND message_sid <> ''
	UNION SELECT message_sid FROM {live}.messages WHERE message_sid IS NOT NULL AND created_at < $1
	UNION SELECT message_sid FROM {live}.receipts WHERE at < $1
	UNION SELECT heard_by FROM {live}.opt_outs WHERE heard_by <> '' AND since < $1;
CREATE UNIQUE INDEX ON forgotten (message_sid);

INSERT INTO customers SELECT * FROM {live}.customers;
INSERT INTO conversations SELECT * FROM {live}.conversations WHERE conversation_sid IS NOT NULL;
CREATE UNIQUE INDEX ON conversations (id);
CREATE UNIQUE INDEX ON conversations (conversation_sid);
UPDATE conversations c SET participant_sid = e.participant_sid
	FROM (SELECT DISTINCT ON (conversation_sid) conversation_sid, r.participant_sid, applied_at
		FROM {live}.events r JOIN conversations USING (conversation_sid) JOIN customers k ON k.id = customer_id
		WHERE type = 'onParticipantRemoved' AND applied_at IS NOT NULL AND payload IS NOT NULL
			AND coalesce(payload ->> 'MessagingBinding.Address' = k.phone, true)
		ORDER BY conversation_sid, received_at DESC) e
	WHERE c.conversation_sid = e.conversation_sid AND c.participant_sid IS NULL AND e.applied_at >= c.state_at;
UPDATE conversations c SET state = CASE WHEN participant_sid IS NULL THEN 'pending' ELSE 'active' END, closed_at = NULL
	WHERE state = 'closed' AND EXISTS (SELECT FROM {live}.events e
		WHERE e.conversation_sid = c.conversation_sid AND e.applied_at >= c.state_at
			AND (type = 'onConversationRemoved' AND payload IS NOT NULL
				OR type = 'onConversationStateUpdated' AND payload ->> 'StateTo' = 'closed'));

INSERT INTO messages SELECT * FROM {live}.messages WHERE message_sid IN (SELECT message_sid FROM forgotten);
INSERT INTO messages SELECT * FROM {live}.messages m
	WHERE purpose <> '' AND message_sid IS NOT NULL AND message_sid NOT IN (SELECT message_sid FROM forgotten);
UPDATE messages m SET status = 'accepted', error_code = 0
	WHERE direction = 'out' AND message_sid NOT IN (SELECT message_sid FROM forgotten);
UPDATE messages m SET removed_at = NULL
	WHERE EXISTS (SELECT FROM {live}.events e WHERE e.message_sid = m.message_sid AND type = 'onMessageRemoved' AND payload IS NOT NULL);
INSERT INTO receipts (message_sid, participant_sid, receipt_sid, channel_sid, status, error_code, at)
	SELECT message_sid, participant_sid, receipt_sid, channel_sid, status, error_code, at
	FROM {live}.receipts WHERE message_sid IN (SELECT message_sid FROM forgotten);

-- What parked events say is obeyed, and none of them is applied.
INSERT INTO opt_outs SELECT * FROM {live}.opt_outs
	WHERE via NOT IN ('text', 'receipt') OR heard_by = '' OR heard_by IN (SELECT message_sid FROM forgotten)
		OR heard_by IN (SELECT message_sid FROM {live}.events WHERE applied_at IS NULL);
UPDATE opt_outs o SET cleared_at = NULL, cleared_via = ''
	WHERE cleared_via = 'text' AND cleared_at <> since
		AND EXISTS (SELECT FROM {live}.opt_outs s WHERE s.phone_hmac = o.phone_hmac AND s.since = o.cleared_at
			AND s.heard_by <> '' AND s.heard_by NOT IN (SELECT message_sid FROM forgotten)
			AND s.heard_by NOT IN (SELECT message_sid FROM {live}.events WHERE applied_at IS NULL));
ANALYZE conversations, messages, receipts, forgotten;
`

// set makes the empty projection.
func (st *stage) set(ctx context.Context, _ *Rehearsal) error {
	var schema string
	if err := st.tx.QueryRow(ctx, `/* store.Rehearse */ SELECT current_schema()`).Scan(&schema); err != nil {
		return err
	}
	st.live = pgx.Identifier{schema}.Sanitize()
	old := time.Now().Add(-chat.KeyRetention).UTC().Format("'2006-01-02T15:04:05Z'::timestamptz")
	for statement := range strings.SplitSeq(hide, ";\n") {
		q := strings.NewReplacer("{live}", st.live, "$1", old).Replace(statement)
		if _, err := st.tx.Exec(ctx, "/* store.Rehearse */ "+q); err != nil {
			return fmt.Errorf("set the stage: %w", err)
		}
	}
	return nil
}

// play applies the events in the order in which they came.
func (st *stage) play(ctx context.Context, r *Rehearsal) error {
	q := `/* store.Rehearse */
		SELECT ` + storedColumns + ` FROM ` + st.live + `.events
		WHERE applied_at IS NOT NULL AND error = '' AND payload IS NOT NULL AND (received_at, id) > ($1, $2)
		ORDER BY received_at, id LIMIT $3`
	at, id := time.Time{}, uuid.Nil
	for {
		rows, err := st.tx.Query(ctx, q, at, id, replayBatch)
		if err != nil {
			return err
		}
		batch, err := pgx.CollectRows(rows, pgx.RowToStructByPos[storedEvent])
		if err != nil || len(batch) == 0 {
			return err
		}
		at, id = batch[len(batch)-1].ReceivedAt, batch[len(batch)-1].ID
		if err := st.playBatch(ctx, batch, r); err != nil {
			return err
		}
	}
}

func (st *stage) playBatch(ctx context.Context, batch []storedEvent, r *Rehearsal) error {
	var events []chat.Event
	for _, row := range batch {
		e, err := st.read(row)
		if err != nil || e.Problem != "" {
			r.LeftOut++
			continue
		}
		events = append(events, e)
	}
	a := applier{Store: st.Store, tx: st.tx}
	if err := a.findRows(ctx, sidsOf(events)); err != nil {
		return err
	}
	events = slices.DeleteFunc(events, func(e chat.Event) bool {
		return a.expect(e).Applied != chat.EventApplied || a.rows[e.SID].overtakes(e)
	})
	err := a.attempt(ctx, events)
	if err == nil {
		r.Events += len(events)
	}
	if !refused(err) {
		return err
	}
	for i := range events { // one of them is not taken: the others are
		switch err := a.attempt(ctx, events[i:i+1]); {
		case err == nil:
			r.Events++
		case refused(err):
			r.LeftOut++
		default:
			return err
		}
	}
	return nil
}

// filesAsSaid are a message's files without the service that keeps them: it is no
// part of what was said, and rows from before it was kept do not have it.
const filesAsSaid = `(SELECT jsonb_agg(CASE jsonb_typeof(file) WHEN 'object' THEN file - 'service_sid' ELSE file END ORDER BY n)
	FROM jsonb_array_elements(media) WITH ORDINALITY AS files(file, n)) AS media`

// comparison is what must be the same of the rows of a table: what names a row, and
// what else there is to it. concerns tells which of them an event may change: of the
// conversations $1, of the message $2, of the people whose phones' hashes are $3, or
// the event $4.
type comparison struct {
	table, key, where string
	columns           []string
	concerns          string
}

var compared = []comparison{
	{"conversations", "conversation_sid", "conversation_sid IS NOT NULL", []string{"closed_at IS NOT NULL AS closed", "participant_sid"}, "t.id = ANY($1)"},
	{"messages", "message_sid", "message_sid IS NOT NULL", []string{
		"conversation_id", "index", "direction", "author", "body", filesAsSaid, "status", "error_code", "twilio_at",
		"edited_at IS NOT NULL AS edited", "removed_at IS NOT NULL AS removed",
	}, "t.conversation_id = ANY($1)"},
	{"receipts", "concat_ws(' ', message_sid, participant_sid, receipt_sid, status)", "true", []string{"channel_sid", "error_code", "at"}, "t.message_sid = $2"},
	{
		"opt_outs", "concat_ws(' ', heard_by, via, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))", "true",
		[]string{"scope", "phone_hmac", "cleared_at", "cleared_via"},
		"t.phone_hmac = ANY($3)",
	},
}

// rows are those of the table, as key and row.
func (c comparison) rows(table string) string {
	return `SELECT ` + c.key + ` AS key, to_jsonb(x) AS row FROM ` + table + ` t
		CROSS JOIN LATERAL (SELECT ` + strings.Join(c.columns, ", ") + `) x WHERE ` + c.where
}

// compare lists the rows that are not the same.
func (st *stage) compare(ctx context.Context, r *Rehearsal) error {
	for _, c := range compared {
		q := `/* store.Rehearse */
			SELECT key, live.row, replay.row FROM (` + c.rows(st.live+"."+c.table) + `) live FULL JOIN (` + c.rows("pg_temp."+c.table) + `) replay USING (key)
			WHERE live.row IS DISTINCT FROM replay.row ORDER BY key LIMIT $1`
		rows, err := st.tx.Query(ctx, q, mostDifferences)
		if err != nil {
			return err
		}
		var key string
		var live, replay []byte
		_, err = pgx.ForEachRow(rows, []any{&key, &live, &replay}, func() error {
			d, err := difference(live, replay)
			d.Table, d.Key = c.table, key
			r.Differences = append(r.Differences, d)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// difference names what differs between two rows as JSON objects, nil for none.
func difference(live, replay []byte) (d Difference, err error) {
	switch {
	case live == nil:
		d.Only = "replay"
		return d, nil
	case replay == nil:
		d.Only = "live"
		return d, nil
	}
	var l, p map[string]json.RawMessage
	if err := json.Unmarshal(live, &l); err != nil {
		return d, err
	}
	if err := json.Unmarshal(replay, &p); err != nil {
		return d, err
	}
	for _, column := range slices.Sorted(maps.Keys(l)) {
		if string(l[column]) != string(p[column]) {
			d.Columns = append(d.Columns, column)
		}
	}
	return d, nil
}
