package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// applier applies events in one transaction and remembers whom to wake.
type applier struct {
	*Store
	tx    pgx.Tx
	rows  map[chat.ConversationSID]eventRow
	woken map[uuid.UUID]time.Time // by conversation: its latest activity, zero for none
	jobs  []chat.Job
	lost  map[string]int // facts that no webhook brought, by kind
	// foreign are the conversations that need no look at Twilio.
	foreign map[chat.ConversationSID]foreignLook
	// special is what became of events that are applied in a way of their own.
	special map[uuid.UUID]chat.Result
	paused  chat.Pause // what has just been paused; zero if nothing was
}

// receive stores the events, each once, and applies those that are new. Their
// conversations are locked.
func (a *applier) receive(ctx context.Context, events []chat.Event) ([]chat.Result, error) {
	received := time.Now().UTC().Truncate(time.Microsecond) // what Postgres keeps
	events = slices.Clone(events)
	results := make([]chat.Result, len(events))
	ids := make([]uuid.UUID, len(events))
	if err := a.recall(ctx, events); err != nil {
		return nil, err
	}
	for i, e := range events {
		ids[i], results[i] = newID(), a.expect(e)
		events[i] = dated(e, ids[i], received)
	}
	fresh, err := a.insertEvents(ctx, ids, events, results)
	if err != nil {
		return nil, err
	}
	var apply, known []chat.Event
	for i, e := range events {
		if !fresh[ids[i]] && results[i].Applied == chat.EventApplied && e.SID != "" {
			known = append(known, e)
		}
	}
	retaken, err := a.retake(ctx, known)
	if err != nil {
		return nil, err
	}
	for i, e := range events {
		switch {
		case retaken[e.Key]:
			delete(retaken, e.Key) // two events may tell the same
			apply = append(apply, e)
		case !fresh[ids[i]]:
			results[i] = chat.Result{Applied: chat.EventDuplicate}
		case results[i].Applied == chat.EventApplied:
			apply = append(apply, e)
		case results[i].Applied == chat.EventParked:
			a.jobs = append(a.jobs, chat.AdoptJob{ConversationSID: e.SID})
		}
	}
	if err := a.apply(ctx, apply); err != nil {
		return nil, err
	}
	for i, id := range ids {
		if r, special := a.special[id]; special {
			results[i] = r
		}
	}
	if len(results) > 0 {
		results[0].Paused = a.paused
	}
	return results, nil
}

// expect says what will become of an event that is new.
func (a *applier) expect(e chat.Event) chat.Result {
	_, ours := a.rows[e.SID]
	_, foreign := a.foreign[e.SID]
	switch {
	case e.Problem != "":
		return chat.Result{Applied: chat.EventStored, Error: e.Problem}
	case e.Type == chat.ClassicMessage || e.User.SID != "":
		return chat.Result{Applied: chat.EventApplied}
	case e.SID == "" || !slices.Contains(chat.EventTypes(), e.Type):
		return chat.Result{Applied: chat.EventStored}
	case foreign:
		return chat.Result{Applied: chat.EventForeign}
	case !ours:
		return chat.Result{Applied: chat.EventParked}
	}
	return chat.Result{Applied: chat.EventApplied}
}

// insertEvents stores the events in one statement and returns the ids of those
// that were not known. What is stored as applied is applied before the commit, and
// those of a foreign conversation are as its last look left the others.
func (a *applier) insertEvents(ctx context.Context, ids []uuid.UUID, events []chat.Event, results []chat.Result) (map[uuid.UUID]bool, error) {
	const q = `/* store.insertEvents */
		INSERT INTO events (id, key_hash, via, type, conversation_sid, participant_sid, message_sid, payload, received_at, applied_at, error, pruned_at)
		SELECT id, key, via, type, ch, mb, im, payload, received, CASE WHEN applied THEN now() END, error, pruned
		FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::timestamptz[], $10::boolean[], $11::text[], $12::timestamptz[])
			AS e(id, key, via, type, ch, mb, im, payload, received, applied, error, pruned)
		ON CONFLICT (key_hash) DO NOTHING RETURNING id`
	n := len(events)
	keys, payloads, received, applied, pruned := make([][]byte, n), make([]*string, n), make([]time.Time, n), make([]bool, n), make([]*time.Time, n)
	vias, types, chs, mbs, ims, errs := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, e := range events {
		keys[i], payloads[i] = e.Key[:], payloadOf(e)
		received[i] = e.ReceivedAt
		errs[i] = results[i].Error
		if results[i].Applied == chat.EventForeign {
			look := a.foreign[e.SID]
			payloads[i], errs[i], pruned[i] = nil, look.Reason, &look.At
		}
		applied[i] = results[i].Applied != chat.EventParked && errs[i] == ""
		vias[i], types[i], chs[i] = string(e.Via), e.Type, string(e.SID)
		mbs[i], ims[i] = string(participantOf(e)), string(messageOf(e))
	}
	rows, err := a.tx.Query(ctx, q, ids, keys, vias, types, chs, mbs, ims, payloads, received, applied, errs, pruned)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	fresh := make(map[uuid.UUID]bool, len(list))
	for _, id := range list {
		fresh[id] = true
	}
	return fresh, err
}

// retake marks those of the events as applied that are known but never were,
// and returns their keys: their conversation was foreign when they came, or the
// database would not have them then. One without its payload gets this one, and is
// this one from now on: a poll does not tell all that a webhook does.
func (a *applier) retake(ctx context.Context, events []chat.Event) (map[[sha256.Size]byte]bool, error) {
	if len(events) == 0 {
		return nil, nil
	}
	const q = `/* store.retake */
		UPDATE events SET applied_at = now(), error = '', pruned_at = NULL, payload = coalesce(events.payload, e.payload),
			via = CASE WHEN events.payload IS NULL THEN e.via ELSE events.via END
		FROM unnest($1::bytea[], $2::jsonb[], $3::text[]) AS e(key, payload, via)
		WHERE key_hash = e.key AND applied_at IS NULL RETURNING key_hash`
	keys, payloads, vias := make([][]byte, len(events)), make([]*string, len(events)), make([]string, len(events))
	for i, e := range events {
		keys[i], payloads[i], vias[i] = e.Key[:], payloadOf(e), string(e.Via)
	}
	list, err := collect[[]byte](ctx, a.tx, q, keys, payloads, vias)
	retaken := make(map[[sha256.Size]byte]bool, len(list))
	for _, key := range list {
		retaken[[sha256.Size]byte(key)] = true
	}
	return retaken, err
}

func payloadOf(e chat.Event) *string {
	if e.Payload == nil {
		return nil
	}
	text := string(e.Payload)
	return &text
}

func participantOf(e chat.Event) chat.ParticipantSID {
	return cmp.Or(e.Participant.SID, e.Message.Participant, e.Receipt.Participant)
}

// messageOf is the message's SID: IM…, or that of a classic text.
func messageOf(e chat.Event) chat.MessageSID {
	return cmp.Or(e.Message.SID, e.Receipt.Message, chat.MessageSID(e.Classic.SID))
}

// apply changes the projection by events whose conversations are ours. Those of the
// classic webhook keep their place among the others: what they come to depends on what
// is known.
func (a *applier) apply(ctx context.Context, events []chat.Event) error {
	for len(events) > 0 {
		n := 1
		for events[0].Type != chat.ClassicMessage && n < len(events) && events[n].Type != chat.ClassicMessage {
			n++
		}
		if err := a.applyRun(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// applyRun applies messages and receipts in one statement each, the rest one by one.
// That they change places with each other does not matter.
func (a *applier) applyRun(ctx context.Context, events []chat.Event) error {
	if err := a.applyMessages(ctx, events); err != nil {
		return err
	}
	if err := a.applyReceipts(ctx, events); err != nil {
		return err
	}
	for _, e := range events {
		if act := effects[e.Type]; act != nil {
			if err := act(a, ctx, a.rows[e.SID], e); err != nil {
				return fmt.Errorf("%s: %w", e.Type, err)
			}
		}
	}
	return nil
}

// effects is what a type of event does beyond bringing a message or a receipt.
// An event that only tells of a conversation does nothing: an unknown one is
// parked and looked at, a known one needs no change. Nor does one about a user.
var effects = map[string]func(*applier, context.Context, eventRow, chat.Event) error{
	chat.ConversationRemoved:      (*applier).conversationRemoved,
	chat.ConversationStateUpdated: (*applier).conversationState,
	chat.ParticipantAdded:         (*applier).participantTold,
	chat.ParticipantUpdated:       (*applier).participantTold,
	chat.ParticipantRemoved:       (*applier).participantRemoved,
	chat.MessageUpdated:           (*applier).messageUpdated,
	chat.MessageRemoved:           (*applier).messageRemoved,
	chat.ClassicMessage:           (*applier).classicMessage,
}

// eventRow is the row an event is about.
type eventRow struct {
	ID             uuid.UUID
	CustomerID     uuid.UUID
	Phone          chat.Phone
	Sender         chat.Phone
	ParticipantSID chat.ParticipantSID
	State          chat.State
	StateAt        time.Time
	ReplyFrom      int
}

// overtakes reports whether the row got its state after the event had been applied
// to it: a list that lagged behind may have said that the participant or the
// conversation was gone, and it was found again. Applied once more, the event would
// repeat the mistake.
func (r eventRow) overtakes(e chat.Event) bool {
	switch e.Type {
	case chat.ConversationRemoved, chat.ConversationStateUpdated, chat.ParticipantRemoved:
		return !e.AppliedAt.IsZero() && e.AppliedAt.Before(r.StateAt)
	}
	return false
}

// lockRows locks the conversations and loads the rows that they are ours in.
func (a *applier) lockRows(ctx context.Context, sids []chat.ConversationSID) error {
	var b pgx.Batch
	queueLockSIDs(&b, sids)
	a.queueFindRows(&b, sids)
	return a.tx.SendBatch(ctx, &b).Close()
}

// findRows is lockRows where nobody else can be writing about them.
func (a *applier) findRows(ctx context.Context, sids []chat.ConversationSID) error {
	var b pgx.Batch
	a.queueFindRows(&b, sids)
	return a.tx.SendBatch(ctx, &b).Close()
}

func (a *applier) queueFindRows(b *pgx.Batch, sids []chat.ConversationSID) {
	const q = `/* store.findRows */
		SELECT c.conversation_sid, c.id, c.customer_id, coalesce(k.phone, ''), c.sender, coalesce(c.participant_sid, ''), c.state, c.state_at, c.reply_from_index
		FROM conversations c JOIN customers k ON k.id = c.customer_id WHERE c.conversation_sid = ANY($1)`
	a.rows = make(map[chat.ConversationSID]eventRow, len(sids))
	b.Queue(q, sids).Query(func(rows pgx.Rows) error {
		var sid chat.ConversationSID
		var r eventRow
		_, err := pgx.ForEachRow(rows, []any{&sid, &r.ID, &r.CustomerID, &r.Phone, &r.Sender, &r.ParticipantSID, &r.State, &r.StateAt, &r.ReplyFrom}, func() error {
			a.rows[sid] = r
			return nil
		})
		return err
	})
}

// wakeLater wakes a conversation's worker at the end of the transaction;
// active is when the customer last wrote, zero if that is not what happened.
func (a *applier) wakeLater(conversation uuid.UUID, active time.Time) {
	if a.woken == nil {
		a.woken = map[uuid.UUID]time.Time{}
	}
	if was, known := a.woken[conversation]; !known || active.After(was) {
		a.woken[conversation] = active
	}
}

// finish wakes the workers and enqueues what the events call for, in one go.
func (a *applier) finish(ctx context.Context) error {
	jobs, err := wake(ctx, a.tx, a.woken)
	if err != nil {
		return err
	}
	if err := a.countLost(ctx); err != nil {
		return err
	}
	return a.enqueue(ctx, a.tx, append(jobs, dedupeJobs(a.jobs)...))
}

func dedupeJobs(jobs []chat.Job) []chat.Job {
	var once []chat.Job
	for _, j := range jobs {
		if !slices.Contains(once, j) {
			once = append(once, j)
		}
	}
	return once
}
