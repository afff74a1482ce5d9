package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// applyMessages brings the messages of the events into the transcript. What is
// said is obeyed at once, whichever of a text's events comes first; what the customer
// wrote wakes the worker.
func (a *applier) applyMessages(ctx context.Context, events []chat.Event) error {
	var tell []chat.Event
	for _, e := range events {
		if e.TellsMessage() {
			tell = append(tell, e)
		}
	}
	heard, err := a.upsertMessages(ctx, tell)
	if err != nil {
		return err
	}
	for _, e := range tell {
		row := a.rows[e.SID]
		if err := a.obey(ctx, row, e); err != nil {
			return err
		}
		if !heard[e.Message.SID] {
			continue
		}
		delete(heard, e.Message.SID) // two events may tell of one message
		if e.Message.Index >= row.ReplyFrom {
			a.found(lostText, e, e.Message.At)
		}
		a.wakeLater(row.ID, e.Message.At)
	}
	return nil
}

// arrival is a message at Twilio on its way into a conversation's transcript.
type arrival struct {
	chat.RemoteMessage
	event  chat.Event // that tells of it
	row    eventRow
	bodyAt *time.Time // as of when the body reads so; nil if that is not told
}

// arrivalOf is the message that an event tells of. A removal may tell a body or not,
// and nobody has edited a text by deleting it.
func arrivalOf(e chat.Event, row eventRow) arrival {
	m := arrival{RemoteMessage: e.Message, event: e, row: row}
	if e.Type != chat.MessageRemoved {
		at := bodyAt(e)
		m.bodyAt = &at
	}
	return m
}

// bodyAt is as of when the message's body reads so. Webhooks tell milliseconds and
// Twilio's API whole seconds: an edit found by asking when that second was over is
// what it reads at the second's end.
func bodyAt(e chat.Event) time.Time {
	m := e.Message
	end := m.UpdatedAt.Truncate(time.Second).Add(time.Second - time.Microsecond)
	switch {
	case !m.Edited():
		return m.At
	case e.Via == chat.ViaPoll && e.ReceivedAt.After(end):
		return end
	default:
		return m.UpdatedAt
	}
}

// upsertMessages is the one way messages at Twilio enter the transcript,
// whether our own post's answer, a webhook or a poll brought them: a message
// of ours is found by our id in its attributes, any other by its SID. It
// returns those that are new and from the customer.
func (a *applier) upsertMessages(ctx context.Context, events []chat.Event) (heard map[chat.MessageSID]bool, err error) {
	var arrivals []arrival
	var sent []chat.Event
	for _, e := range events {
		m := arrivalOf(e, a.rows[e.SID])
		if m.OurID != uuid.Nil {
			found, err := a.updateOurs(ctx, m)
			if err != nil {
				return nil, err
			}
			if found && m.Edited() {
				err = a.revise(ctx, m)
			}
			if err != nil {
				return nil, err
			}
			if found {
				sent = append(sent, e)
				continue
			}
		}
		if !m.incoming() {
			sent = append(sent, e)
		}
		arrivals = append(arrivals, m)
	}
	heard, known, err := a.insertMessages(ctx, arrivals)
	if err != nil {
		return nil, err
	}
	for _, m := range arrivals {
		if known[m.SID] {
			if err := a.revise(ctx, m); err != nil {
				return nil, err
			}
		}
	}
	return heard, a.catchUp(ctx, sent)
}

// updateOurs gives a message of ours what Twilio knows of it. If two posts of it
// arrived, because the first had no answer, it is the one that is told of first;
// the other is not found, and gets a row of its own.
func (a *applier) updateOurs(ctx context.Context, m arrival) (found bool, err error) {
	const q = `/* store.updateOurs */
		UPDATE messages SET message_sid = $3, index = $4, twilio_at = coalesce(twilio_at, $5), body_at = coalesce(body_at, $5)
		WHERE id = $2 AND conversation_id = $1 AND (message_sid IS NULL OR message_sid = $3)`
	tag, err := a.tx.Exec(ctx, q, m.row.ID, m.OurID, m.SID, m.Index, m.At)
	return tag.RowsAffected() > 0, err
}

// insertMessages inserts the messages that are not known yet, in one statement:
// Postgres reads a table's constraints anew for each. It returns those that came
// from the customer, and those that were known.
func (a *applier) insertMessages(ctx context.Context, arrivals []arrival) (heard, known map[chat.MessageSID]bool, err error) {
	heard, known = map[chat.MessageSID]bool{}, map[chat.MessageSID]bool{}
	if len(arrivals) == 0 {
		return heard, known, nil
	}
	const q = `/* store.insertMessages */
		INSERT INTO messages (id, conversation_id, message_sid, index, direction, author, body, media, status, twilio_at, body_at)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::text[],
			$10::timestamptz[], $11::timestamptz[])
		ON CONFLICT (message_sid) DO NOTHING RETURNING message_sid`
	n := len(arrivals)
	ids, conversations, sids, indexes := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]string, n), make([]int, n)
	directions, authors, bodies, media := make([]string, n), make([]string, n), make([]string, n), make([]*string, n)
	statuses, ats, bodyAts := make([]string, n), make([]time.Time, n), make([]*time.Time, n)
	for i, m := range arrivals {
		directions[i], statuses[i] = "out", string(chat.Accepted)
		if m.incoming() {
			directions[i], statuses[i] = "in", string(chat.Received)
		}
		if m.Media != nil {
			text := string(m.Media)
			media[i] = &text
		}
		ids[i], conversations[i], sids[i], indexes[i] = newID(), m.row.ID, string(m.SID), m.Index
		authors[i], bodies[i], ats[i], bodyAts[i] = m.author(), m.Body, m.At, m.bodyAt
	}
	inserted, err := collect[chat.MessageSID](ctx, a.tx, q, ids, conversations, sids, indexes, directions, authors, bodies, media, statuses, ats, bodyAts)
	for _, m := range arrivals {
		i := slices.Index(inserted, m.SID)
		switch {
		case i < 0: // or told twice, and the first time was just now
			known[m.SID] = true
			continue
		case m.incoming():
			heard[m.SID] = true
		}
		inserted = slices.Delete(inserted, i, i+1)
	}
	return heard, known, err
}

// revise takes over a newer body, and notes an edit whichever of two versions
// comes first. What only a removal has told is no version.
func (a *applier) revise(ctx context.Context, m arrival) error {
	if m.bodyAt == nil {
		return nil
	}
	const q = `/* store.revise */
		UPDATE messages m SET body = CASE WHEN body_at >= $3 THEN body ELSE $2 END,
			edited_at = CASE WHEN body_at IS NOT NULL AND body <> $2 THEN greatest(edited_at, body_at, $3) ELSE edited_at END,
			body_at = greatest(body_at, $3)
		WHERE message_sid = $1
		RETURNING (SELECT was.body_at IS NOT NULL AND was.body <> m.body FROM messages was WHERE was.id = m.id)`
	edited, err := collect[bool](ctx, a.tx, q, m.SID, m.Body, m.bodyAt)
	if slices.Contains(edited, true) {
		a.found(lostEdit, m.event, m.UpdatedAt)
	}
	return err
}

// incoming tells a customer's text: theirs by participant or, if that was added
// anew meanwhile, by author.
func (m arrival) incoming() bool {
	return m.OurID == uuid.Nil && (m.Author == string(m.row.Phone) || m.Participant != "" && m.Participant == m.row.ParticipantSID)
}

// author keeps the customer's phone out of the transcript's rows: it is the
// customer's, and only there can it be erased.
func (m arrival) author() string {
	if m.Author == string(m.row.Phone) {
		return "customer"
	}
	return m.Author
}

// speaker is whose number a text speaks for, "" for nobody's: the customer's, or that of
// somebody whom another program has added.
func (m arrival) speaker() chat.Phone {
	author := chat.PhoneOf(m.Author)
	switch {
	case m.incoming():
		return m.row.Phone
	case m.OurID != uuid.Nil || author == m.row.Sender:
		return ""
	default:
		return author
	}
}

// obey does what a keyword says, in the transaction that stores the text. It
// takes the lock of the send gate, so no send begins after a STOP commits. A STOP
// is believed of whatever a text of theirs reads or has read, a START only as the
// person said it.
func (a *applier) obey(ctx context.Context, row eventRow, e chat.Event) error {
	m := arrivalOf(e, row)
	phone := m.speaker()
	if phone == "" {
		return nil
	}
	keyword := chat.ReadKeyword(m.Body, true) // YES counts: Twilio opts in on it too
	if keyword != chat.Stop && (keyword != chat.Start || !asSaid(e)) {
		return nil
	}
	if err := lockPhone(ctx, a.tx, phone); err != nil {
		return err
	}
	if err := a.supersede(ctx, phone, row.Sender, e, keyword); err != nil {
		return err
	}
	at := saidAt(m.RemoteMessage)
	if keyword == chat.Stop {
		return a.optOut(ctx, a.tx, phone, at, "text", string(m.SID))
	}
	return a.optIn(ctx, a.tx, phone, at, string(m.SID))
}

// asSaid reports whether the event tells a text in the person's own words: anybody
// who has the account's API can edit a text, or post one in their name. A poll
// does not tell where a text came from; there it must be a participant's.
func asSaid(e chat.Event) bool {
	if e.Via == chat.ViaPoll {
		return !e.Message.Edited() && e.Message.Participant != ""
	}
	return e.Type == chat.MessageAdded && !e.Message.ByProgram
}

// saidAt is when a text was said, within one second in the order of the texts:
// webhooks tell milliseconds and Twilio's API whole seconds, so that of a STOP
// and a START in one second the later would seem the earlier, if a webhook told
// of one and a poll of the other.
func saidAt(m chat.RemoteMessage) time.Time {
	return m.At.Truncate(time.Second).Add(time.Duration(m.Index) * time.Microsecond)
}

func (a *applier) messageUpdated(ctx context.Context, row eventRow, e chat.Event) error {
	return a.revise(ctx, arrivalOf(e, row))
}

func (a *applier) messageRemoved(ctx context.Context, _ eventRow, e chat.Event) error {
	const q = `/* store.messageRemoved */
		UPDATE messages SET removed_at = $2 WHERE message_sid = $1 AND removed_at IS NULL`
	tag, err := a.tx.Exec(ctx, q, e.Message.SID, e.At)
	if err == nil && tag.RowsAffected() > 0 {
		a.found(lostDeletion, e, time.Time{})
	}
	return err
}

// RecordSent stores Twilio's answer to our post. A receipt that was faster may
// have something to say about the sender.
func (s *Store) RecordSent(ctx context.Context, sid chat.ConversationSID, m chat.RemoteMessage) (r chat.Result, err error) {
	err = s.tx(ctx, "record sent", func(tx pgx.Tx) error {
		a := applier{Store: s, tx: tx}
		if err := a.lockRows(ctx, []chat.ConversationSID{sid}); err != nil {
			return err
		}
		row, ours := a.rows[sid]
		if !ours {
			return pgx.ErrNoRows
		}
		if _, err := a.upsertMessages(ctx, []chat.Event{{SID: sid, Message: m}}); err != nil {
			return err
		}
		const q = `/* store.RecordSent */ UPDATE conversations SET last_activity_at = greatest(last_activity_at, $2) WHERE id = $1`
		_, err := tx.Exec(ctx, q, row.ID, time.Now())
		r = chat.Result{Applied: chat.EventApplied, Paused: a.paused}
		return err
	})
	return r, err
}
