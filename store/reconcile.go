package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// openAtTwilio is of conversations that are compared with Twilio's from time to time.
const openAtTwilio = `conversation_sid IS NOT NULL AND state <> 'closed'`

// due is of conversations whose turn it is. uncompared is of those that are to be compared
// because of an outage, whenever they are due, unless somebody is about to.
const (
	due        = `reconcile_at <= now() AND conversation_sid IS NOT NULL`
	uncompared = openAtTwilio + ` AND mapping_checked_at < ` + outageEnded + ` AND
		(claimed_due_at IS NULL OR reconcile_at IS NULL OR reconcile_at <= now())`
)

// outageEnded is when the latest outage ended, NULL for none; restoringBegan the same for as
// long as texts wait for what it has missed, which is all that a program of before notes.
const (
	outageEnded    = `(SELECT greatest(outage_ended_at, restoring_since) FROM looks WHERE scope = '` + discoveryLook + `')`
	restoringBegan = `(SELECT restoring_since FROM looks WHERE scope = '` + discoveryLook + `' AND ` + restoring + `)`
)

// claimOrder is in which order conversations are polled: first those with texts
// waiting to be sent, since a STOP that was missed must be heard before they leave; then
// those for which everybody waits whose texts an outage has held back;
// then those that were active within a day; then the quiet ones, for they are ever more;
// last what an outage has left to be compared when nobody waits for it any longer. Each but
// the last is half of what is left of a claim at the most, so that none keeps those after it from their
// turn: what keeps many texts from leaving may keep us from asking about their conversations
// as well, and more may be active than we can poll. As arrays they are found by their
// indexes, whatever Postgres thinks.
var claimOrder = []string{
	due + ` AND id = ANY (ARRAY(SELECT conversation_id FROM messages WHERE status IN ('queued', 'sending')))`,
	`(` + due + ` OR ` + uncompared + `) AND id = ANY (ARRAY(SELECT id FROM conversations
		WHERE ` + restoringBegan + ` IS NOT NULL AND ` + due + ` AND least(claimed_due_at, reconcile_at) <= ` + restoringBegan + `
		ORDER BY reconcile_at LIMIT 1000) || ARRAY(SELECT id FROM conversations
		WHERE ` + restoringBegan + ` IS NOT NULL AND ` + uncompared + ` ORDER BY mapping_checked_at LIMIT 1000))`,
	due + ` AND id = ANY (ARRAY(SELECT id FROM conversations WHERE last_activity_at > now() - interval '1 day' AND reconcile_at <= now()))`,
	due,
	uncompared + ` AND id = ANY (ARRAY(SELECT id FROM conversations WHERE ` + uncompared + ` ORDER BY mapping_checked_at LIMIT 1000))`,
}

// ClaimPolls picks conversations that are due, in claimOrder, the longest due first: one
// that was tried in vain has been due since it was to be tried again.
// A claim moves the conversation's time on by hold, so that other replicas pass it
// by and a dead one's are taken up again; when it was due first, is remembered. Who is
// asked about because of an outage is due by it.
func (s *Store) ClaimPolls(ctx context.Context, most int, hold time.Duration) (polls []chat.Poll, err error) {
	err = s.tx(ctx, "claim polls", func(tx pgx.Tx) error {
		polls = nil
		for i, which := range claimOrder {
			limit := most - len(polls)
			if i+1 < len(claimOrder) {
				limit = (limit + 1) / 2
			}
			q := `/* store.ClaimPolls */
				WITH claimed AS (UPDATE conversations c SET reconcile_at = now() + $2::interval, claimed_due_at = least(c.claimed_due_at, due.reconcile_at, now())
				FROM (SELECT id, reconcile_at FROM conversations
					WHERE (` + which + `) AND NOT EXISTS (SELECT FROM rates WHERE scope = $3 AND next_at > now())
					ORDER BY reconcile_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED) due
				WHERE c.id = due.id
				RETURNING c.id, c.conversation_sid, coalesce(c.participant_sid, '') AS participant, c.state, c.gaps_checked_through,
					c.claimed_due_at, c.last_activity_at, c.mapping_checked_at, coalesce(c.mapping_checked_at <= ` + outageEnded + `, false) AS uncompared, due.reconcile_at AS was_due)
				SELECT id, conversation_sid, participant, state, gaps_checked_through, claimed_due_at, least(was_due, now()),
					last_activity_at, mapping_checked_at, uncompared
				FROM claimed ORDER BY was_due`
			rows, err := tx.Query(ctx, q, limit, hold, holdScope)
			if err != nil {
				return err
			}
			claimed, err := pgx.CollectRows(rows, pgx.RowToStructByPos[chat.Poll])
			if err != nil {
				return err
			}
			if polls = append(polls, claimed...); len(polls) == most {
				return nil
			}
		}
		return nil
	})
	return polls, err
}

// UnclaimPolls makes conversations due again that were claimed and not polled, since
// their turn had come: had one that was tried in vain before been due since it first was,
// a few that fail would come before everybody else each time.
func (s *Store) UnclaimPolls(ctx context.Context, polls []chat.Poll) error {
	if len(polls) == 0 {
		return nil
	}
	ids, turns := make([]uuid.UUID, len(polls)), make([]time.Time, len(polls))
	for i, p := range polls {
		ids[i], turns[i] = p.ConversationID, p.TurnAt
	}
	return s.tx(ctx, "unclaim polls", func(tx pgx.Tx) error {
		const q = `/* store.UnclaimPolls */
			UPDATE conversations c SET reconcile_at = least(c.reconcile_at, claimed.turn)
			FROM (SELECT id, turn FROM conversations JOIN unnest($1::uuid[], $2::timestamptz[]) AS unpolled(id, turn) USING (id)
				WHERE reconcile_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE OF conversations) claimed
			WHERE c.id = claimed.id`
		_, err := tx.Exec(ctx, q, ids, turns)
		return err
	})
}

// Undelivered lists the texts of a conversation whose delivery is not settled:
// a minute old, and twice as old as when they were last asked about, until they
// have been asked about when a day old. Some carriers never say that a text
// arrived.
func (s *Store) Undelivered(ctx context.Context, conversation uuid.UUID, most int) ([]chat.MessageSID, error) {
	const q = `/* store.Undelivered */
		SELECT message_sid FROM messages
		WHERE conversation_id = $1 AND status IN ('accepted', 'sent') AND message_sid IS NOT NULL AND removed_at IS NULL
			AND twilio_at < now() - interval '1 minute'
			AND (receipts_checked_at IS NULL
				OR receipts_checked_at < twilio_at + interval '1 day' AND now() - twilio_at > 2 * (receipts_checked_at - twilio_at))
		ORDER BY index LIMIT $2`
	rows, err := s.pool.Query(ctx, q, conversation, most)
	if err != nil {
		return nil, translate("undelivered", err)
	}
	sids, err := pgx.CollectRows(rows, pgx.RowTo[chat.MessageSID])
	return sids, translate("undelivered", err)
}

// Transcript lists the messages of a conversation that are not known to be deleted,
// with an index above after and up to through.
func (s *Store) Transcript(ctx context.Context, conversation uuid.UUID, after, through int) ([]chat.TranscriptMessage, error) {
	const q = `/* store.Transcript */
		SELECT message_sid, index FROM messages
		WHERE conversation_id = $1 AND index > $2 AND index <= $3 AND message_sid IS NOT NULL AND removed_at IS NULL ORDER BY index`
	rows, err := s.pool.Query(ctx, q, conversation, after, through)
	if err != nil {
		return nil, translate("transcript", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[chat.TranscriptMessage])
	return list, translate("transcript", err)
}

// FinishPoll saves what was asked and when to ask again: sooner if the
// conversation was active since it was claimed, at once if it was made due meanwhile
// to be compared (PollAll). Nothing that was asked counts for
// a row that has another conversation at Twilio by now.
func (s *Store) FinishPoll(ctx context.Context, done chat.PollDone) error {
	return s.tx(ctx, "finish poll", func(tx pgx.Tx) error {
		const asked = `/* store.FinishPoll */ UPDATE messages SET receipts_checked_at = now() WHERE message_sid = ANY($1)`
		if _, err := tx.Exec(ctx, asked, done.Asked); err != nil {
			return err
		}
		const q = `/* store.FinishPoll */
			UPDATE conversations SET gaps_checked_through = greatest(gaps_checked_through, $2),
				claimed_due_at = CASE WHEN $9 THEN claimed_due_at END,
				heard_at = greatest(heard_at, $8), mapping_checked_at = CASE WHEN $3 THEN now()
					WHEN $10 THEN greatest(mapping_checked_at, ` + outageEnded + `) ELSE mapping_checked_at END,
				reconcile_at = CASE WHEN mapping_checked_at < $11 THEN now()
					ELSE now() + nullif(CASE WHEN last_activity_at > $4 THEN $6::interval ELSE $5::interval END, interval '0') END
			WHERE id = $1 AND conversation_sid = $7`
		_, err := tx.Exec(ctx, q, done.ConversationID, done.GapsChecked, done.Mapping, done.LastActivity, done.Next, done.IfActive, done.SID, done.HeardAt, done.Owed, done.LetOff, done.MappingCheckedAt)
		return err
	})
}
