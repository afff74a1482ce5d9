package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// A number's classic webhook may point at us as well. What it tells, the
// conversation tells too, and better: with a time, an index and a SID of its
// own. So a classic text is never part of a transcript. It counts for what it
// says about opting out, and where no conversation of ours took it.

// classicMessage acts on a text that the classic webhook brought.
func (a *applier) classicMessage(ctx context.Context, _ eventRow, e chat.Event) error {
	sender, conversation, err := a.classicPlace(ctx, e)
	if err != nil {
		return err
	}
	if !sender {
		return a.foreignText(ctx, e)
	}
	if err := a.obeyClassic(ctx, e, conversation); err != nil {
		return err
	}
	if conversation == "" {
		a.jobs = append(a.jobs, chat.LookUpJob{EventID: e.ID})
		return nil
	}
	a.become(e, chat.Result{Applied: chat.EventEcho})
	if !e.AppliedAt.IsZero() {
		return nil
	}
	return a.placeClassic(ctx, e.ID, conversation)
}

func (a *applier) become(e chat.Event, r chat.Result) {
	if a.special == nil {
		a.special = map[uuid.UUID]chat.Result{}
	}
	a.special[e.ID] = r
}

// classicPlace reports whether the text was sent to a number of ours, and the open
// conversation at Twilio that the pair had then, as far as we know, "" for none. It is
// kept with the event: rows change, and applied again, the event must come to the same.
func (a *applier) classicPlace(ctx context.Context, e chat.Event) (sender bool, conversation chat.ConversationSID, err error) {
	if !e.AppliedAt.IsZero() {
		return true, e.SID, nil
	}
	const q = `/* store.classicPlace */
		SELECT EXISTS (SELECT FROM sources WHERE sender = $1),
			coalesce((SELECT conversation_sid FROM conversations c JOIN customers k ON k.id = c.customer_id
				WHERE k.phone = $2 AND c.sender = $1 AND c.conversation_sid IS NOT NULL
					AND c.created_at <= $3 AND (c.closed_at IS NULL OR c.closed_at > $3)
				ORDER BY c.created_at DESC LIMIT 1), '')`
	err = a.tx.QueryRow(ctx, q, e.Classic.To, e.Classic.From, e.ReceivedAt).Scan(&sender, &conversation)
	return sender, conversation, err
}

// placeClassic keeps with a classic event which conversation it belongs to.
func (a *applier) placeClassic(ctx context.Context, event uuid.UUID, conversation chat.ConversationSID) error {
	const q = `/* store.placeClassic */ UPDATE events SET conversation_sid = $2 WHERE id = $1`
	_, err := a.tx.Exec(ctx, q, event, conversation)
	return err
}

// foreignText forgets what was said to a number that is none of ours.
func (a *applier) foreignText(ctx context.Context, e chat.Event) error {
	const problem = "sent to a number that no source has"
	a.become(e, chat.Result{Applied: chat.EventStored, Error: problem})
	const q = `/* store.foreignText */
		UPDATE events SET payload = NULL, pruned_at = now(), applied_at = NULL, error = $2 WHERE id = $1`
	_, err := a.tx.Exec(ctx, q, e.ID, problem)
	return err
}

// obeyClassic takes a STOP and a START at their word, whoever brings them, unless the
// conversation has brought the same; that it will, and better, is likely but not
// certain. With Advanced Opt-Out a word may mean either that only Twilio knows, and
// then a conversation brings nothing of the kind.
func (a *applier) obeyClassic(ctx context.Context, e chat.Event, conversation chat.ConversationSID) error {
	word := chat.ReadKeyword(e.Classic.Body, true)
	keyword := word
	if e.Classic.OptOut != chat.NoKeyword {
		keyword = e.Classic.OptOut
	}
	if keyword != chat.Stop && keyword != chat.Start {
		return nil
	}
	if err := lockPhone(ctx, a.tx, e.Classic.From); err != nil {
		return err
	}
	brought := conversation != "" && word == keyword
	if word == keyword {
		if heard, err := a.heard(ctx, e, conversation, keyword); err != nil || heard {
			return err
		}
	}
	if keyword == chat.Start {
		return a.optIn(ctx, a.tx, e.Classic.From, startAt(e.ReceivedAt, brought), e.Classic.SID)
	}
	return a.optOut(ctx, a.tx, e.Classic.From, e.ReceivedAt, "text", e.Classic.SID)
}

// heard reports whether e is the echo of a STOP of the conversation, or of a START of
// any with that number: tried again, it may come when that has ended and the person
// has said STOP in the next, of which we need not know yet. Of a parked START it is
// not known to which number it was said. A STOP has one echo: the next is of another.
func (a *applier) heard(ctx context.Context, e chat.Event, conversation chat.ConversationSID, word chat.Keyword) (heard bool, err error) {
	const q = `/* store.heard */
		SELECT since FROM opt_outs WHERE phone_hmac = $1 AND since BETWEEN $2 AND $3 AND ` + isStart + ` = $4
			AND via = 'text' AND heard_by LIKE 'IM%'
			AND CASE WHEN $4 THEN NOT EXISTS (SELECT FROM messages m JOIN conversations c ON c.id = m.conversation_id
				WHERE m.message_sid = heard_by AND c.sender <> $6)
			ELSE EXISTS (SELECT FROM events m WHERE m.message_sid = heard_by AND m.conversation_sid = $5 AND m.conversation_sid <> '') END
		ORDER BY since`
	words, err := collect[time.Time](ctx, a.tx, q, a.keys.HashPhone(e.Classic.From), e.ReceivedAt.Add(-2*echoWithin), e.ReceivedAt.Add(echoWithin),
		word == chat.Start, conversation, e.Classic.To)
	if err != nil || len(words) == 0 {
		return false, err
	}
	if word == chat.Stop {
		earlier, err := a.classicStops(ctx, e, conversation)
		if err != nil {
			return false, err
		}
		for _, at := range earlier { // each was the echo of the word nearest before it
			before := func(said time.Time) bool { return said.Before(at.Add(clocksApart)) && at.Sub(said) <= echoWithin }
			if i := lastIndexFunc(words, before); i >= 0 {
				words = slices.Delete(words, i, i+1)
			}
		}
	}
	return slices.ContainsFunc(words, func(said time.Time) bool { return e.ReceivedAt.Sub(said).Abs() <= echoWithin }), nil
}

func lastIndexFunc(times []time.Time, is func(time.Time) bool) int {
	for i, at := range slices.Backward(times) {
		if is(at) {
			return i
		}
	}
	return -1
}

// clocksApart is how much later than a text came it may seem to have been said, by
// another clock.
const clocksApart = 3 * time.Second

// classicStops is when the STOPs were received that the classic webhook brought of e's
// pair and conversation in the time before e.
func (a *applier) classicStops(ctx context.Context, e chat.Event, conversation chat.ConversationSID) (received []time.Time, err error) {
	const q = `/* store.classicStops */
		SELECT received_at, payload FROM events
		WHERE conversation_sid = $1 AND conversation_sid <> '' AND type = '` + chat.ClassicMessage + `' AND payload IS NOT NULL
			AND received_at >= $2 AND (received_at, id) < ($3, $4) ORDER BY received_at, id`
	rows, err := a.tx.Query(ctx, q, conversation, e.ReceivedAt.Add(-2*echoWithin), e.ReceivedAt, e.ID)
	if err != nil {
		return nil, err
	}
	var at time.Time
	var payload []byte
	_, err = pgx.ForEachRow(rows, []any{&at, &payload}, func() error {
		c, err := a.decode(payload)
		if err == nil && c.Classic.From == e.Classic.From && c.Classic.To == e.Classic.To && chat.ReadKeyword(c.Classic.Body, true) == chat.Stop {
			received = append(received, at)
		}
		return nil // what cannot be read any more was no echo
	})
	return received, err
}

// startAt is as of when a START counts that comes without a time: in doubt the
// STOP of its second is the later. Where a conversation brings it too, a STOP
// said after it may be known already; those of the last minute are left to the
// conversation, which knows the order.
func startAt(received time.Time, brought bool) time.Time {
	if brought {
		return received.Add(-echoWithin)
	}
	return received.Truncate(time.Second).Add(-time.Microsecond)
}

// echoWithin is how far apart the same STOP or START by both webhooks may be: it is
// one, the conversation's, which has a time. A classic webhook that is not answered
// comes again after 15 seconds
// (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
const echoWithin = time.Minute

// isStart tells a START among opt_outs from a STOP.
const isStart = `(cleared_at IS NOT NULL AND since = cleared_at)`

// supersede drops what a classic webhook brought of the STOP or START that is e's
// message: its conversation has brought it now. It is the one nearest in time that
// was sent to the same number, and if it is a STOP not after the conversation had
// ended: in doubt it is a second one, and a START is not. It is never one of a word that
// only Twilio knows, for that no conversation brings. Which one it is, is kept with it:
// applied again, e takes that.
func (a *applier) supersede(ctx context.Context, phone, sender chat.Phone, e chat.Event, word chat.Keyword) error {
	const q = `/* store.supersede */
		SELECT o.id, e.id, e.payload FROM opt_outs o JOIN events e ON e.message_sid = o.heard_by AND e.type = '` + chat.ClassicMessage + `'
		WHERE phone_hmac = $1 AND e.payload IS NOT NULL AND e.received_at BETWEEN $2 AND $3 AND ` + isStart + ` = $4
			AND NOT EXISTS (SELECT FROM opt_outs WHERE phone_hmac = $1 AND heard_by = $5)
			AND (e.conversation_sid = $7 OR $8
				AND ($4 OR NOT EXISTS (SELECT FROM conversations c WHERE c.conversation_sid = $7 AND c.closed_at <= e.received_at)))
		ORDER BY greatest(e.received_at - $6, $6 - e.received_at)`
	at, first := saidAt(e.Message), e.AppliedAt.IsZero()
	rows, err := a.tx.Query(ctx, q, a.keys.HashPhone(phone), at.Add(-echoWithin), at.Add(echoWithin), word == chat.Start, e.Message.SID, at, e.SID, first)
	if err != nil {
		return err
	}
	type echo struct {
		OptOut, Event uuid.UUID
		Payload       []byte
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[echo])
	if err != nil {
		return err
	}
	for _, o := range list {
		classic, err := a.decode(o.Payload)
		if err != nil || chat.ReadKeyword(classic.Classic.Body, true) != word || classic.Classic.To != sender {
			continue
		}
		if first {
			if err := a.placeClassic(ctx, o.Event, e.SID); err != nil {
				return err
			}
		}
		return a.unhear(ctx, o.OptOut)
	}
	return nil
}

// unhear drops a STOP or a START. What the START had lifted, the first after it lifts.
func (a *applier) unhear(ctx context.Context, optOut uuid.UUID) error {
	const q = `/* store.unhear */
		WITH dropped AS (DELETE FROM opt_outs WHERE id = $1 RETURNING *)
		UPDATE opt_outs o SET cleared_at = next.at, cleared_via = CASE WHEN next.at IS NULL THEN '' ELSE 'text' END
		FROM dropped d, LATERAL (SELECT min(s.since) AS at FROM opt_outs s
			WHERE s.phone_hmac = d.phone_hmac AND s.id <> d.id AND s.since = s.cleared_at AND s.since >= d.since) next
		WHERE o.phone_hmac = d.phone_hmac AND o.id <> d.id AND d.since = d.cleared_at AND o.cleared_at = d.since AND o.since < o.cleared_at AND o.cleared_via = 'text'`
	_, err := a.tx.Exec(ctx, q, optOut)
	return err
}

// ClassicText returns the text of a stored event of the classic webhook, and
// whether an open row of ours has its pair by now. It returns chat.ErrNotFound
// when there is no such event any more.
func (s *Store) ClassicText(ctx context.Context, event uuid.UUID) (text chat.ClassicText, ours bool, err error) {
	e, err := s.Event(ctx, event)
	if err != nil {
		return text, false, err
	}
	if e.Payload == nil || e.Type != chat.ClassicMessage {
		return text, false, translate("classic text", chat.ErrNotFound)
	}
	read, err := s.decode(e.Payload)
	if err != nil {
		return text, false, translate("classic text", err)
	}
	const q = `/* store.ClassicText */
		SELECT EXISTS (SELECT FROM conversations c JOIN customers k ON k.id = c.customer_id
			WHERE k.phone = $1 AND c.sender = $2 AND c.conversation_sid IS NOT NULL AND c.state <> 'closed')`
	err = s.pool.QueryRow(ctx, q, read.Classic.From, read.Classic.To).Scan(&ours)
	return read.Classic, ours, translate("classic text", err)
}
