package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"textme/chat"
	"textme/store"
)

const (
	ch1 = chat.ConversationSID("CH11111111111111111111111111111111")
	ch2 = chat.ConversationSID("CH22222222222222222222222222222222")
	mb1 = chat.ParticipantSID("MB11111111111111111111111111111111")
	mb2 = chat.ParticipantSID("MB22222222222222222222222222222222")
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func im(n int) chat.MessageSID { return chat.MessageSID(fmt.Sprintf("IM%032x", n)) }

// text is an event for a customer's text, n minutes past noon.
func (f *fixture) text(ch chat.ConversationSID, mb chat.ParticipantSID, from chat.Phone, n int, body string) chat.Event {
	return f.event(said(ch, mb, from, n, body))
}

func said(ch chat.ConversationSID, mb chat.ParticipantSID, from chat.Phone, n int, body string) chat.Event {
	m := chat.RemoteMessage{SID: im(n), Index: n, Author: string(from), Participant: mb, Body: body, At: noon.Add(time.Duration(n) * time.Minute)}
	return chat.Event{Key: chat.EventKey(chat.MessageAdded, string(m.SID)), Type: chat.MessageAdded, SID: ch, Message: m, At: m.At}
}

// edit is an event for what the n-th message reads from n+minutes on.
func (f *fixture) edit(ch chat.ConversationSID, n, minutes int, body string) chat.Event {
	e := said(ch, mb1, ann, n, body)
	e.Type, e.Message.UpdatedAt = chat.MessageUpdated, e.At.Add(time.Duration(minutes)*time.Minute)
	e.Key, e.At = chat.EventKey(e.Type, fmt.Sprint(n, minutes)), e.Message.UpdatedAt
	return f.event(e)
}

// removal is an event for the n-th message's deletion at Twilio.
func (f *fixture) removal(ch chat.ConversationSID, n int, body string) chat.Event {
	e := said(ch, mb1, ann, n, body)
	e.Type, e.At = chat.MessageRemoved, noon.Add(time.Hour)
	e.Key = chat.EventKey(e.Type, fmt.Sprint(n))
	return f.event(e)
}

// receipt is an event for a receipt of the n-th message.
func (f *fixture) receipt(ch chat.ConversationSID, n int, status chat.Status, code int) chat.Event {
	r := chat.Receipt{SID: fmt.Sprintf("DY%032x", n), Message: im(n), Participant: mb1, Status: status, ErrorCode: code, At: noon.Add(time.Hour)}
	return f.event(chat.Event{Key: chat.EventKey(chat.DeliveryUpdated, r.SID, string(status)), Type: chat.DeliveryUpdated, SID: ch, Receipt: r, At: r.At})
}

// event completes e with a payload that decode turns back into it, and that tells whom
// it is about as Twilio's does.
func (f *fixture) event(e chat.Event) chat.Event {
	name := fmt.Sprintf("%x", e.Key[:8])
	e.Via = chat.ViaWebhook
	fields := map[string]string{"name": name}
	if e.Participant.Address != "" {
		fields["MessagingBinding.Address"] = string(e.Participant.Address)
	}
	if e.Message.Author != "" {
		fields["Author"] = e.Message.Author
	}
	e.Payload, _ = json.Marshal(fields)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events[name] = e
	return e
}

func (f *fixture) apply(events ...chat.Event) []chat.Result {
	f.t.Helper()
	results, err := f.ApplyEvents(f.t.Context(), events)
	must(f.t, err)
	return results
}

// projection is everything that events change, as text.
func (f *fixture) projection() string {
	f.t.Helper()
	return strings.Join([]string{
		one[string](f, `SELECT coalesce(string_agg(format('%s %s %s %s %s %s %s', index, direction, body, status, error_code, edited_at IS NOT NULL, removed_at), E'\n' ORDER BY index), '') FROM messages`),
		one[string](f, `SELECT coalesce(string_agg(format('%s %s %s', message_sid, status, error_code), E'\n' ORDER BY message_sid, status), '') FROM receipts`),
		one[string](f, `SELECT coalesce(string_agg(format('%s', since), E'\n'), '') FROM opt_outs WHERE cleared_at IS NULL`),
		one[string](f, `SELECT string_agg(format('%s %s', state, participant_sid), E'\n') FROM conversations`),
	}, "\n--\n")
}

// Whatever the order, the batches and the repeats, the outcome is the same.
func TestApplyingIsFreeOfOrder(t *testing.T) {
	t.Parallel()
	day := func(f *fixture) []chat.Event {
		return []chat.Event{
			f.text(ch1, mb1, ann, 1, "hello"),
			f.receipt(ch1, 2, chat.Sent, 0),
			f.receipt(ch1, 2, chat.Delivered, 0),
			f.text(ch1, "", "bot", 2, "hi"),
			f.text(ch1, mb1, ann, 3, "STOP"),
			f.text(ch1, mb1, ann, 4, "START"),
			f.receipt(ch1, 5, chat.Sent, 0),
			f.receipt(ch1, 5, chat.Undelivered, 30003),
			f.text(ch1, "", "bot", 5, "still there?"),
			f.text(ch1, mb1, ann, 6, "stop"),
			f.text(ch1, mb1, ann, 7, "typo"),
			f.edit(ch1, 7, 1, "corrected"),
			f.edit(ch1, 7, 2, "corrected again"),
			f.edit(ch1, 7, 3, "corrected again"),
			f.text(ch1, mb1, ann, 8, "touched"),
			f.edit(ch1, 8, 1, "touched"),
			f.text(ch1, mb1, ann, 9, "regretted"),
			f.removal(ch1, 9, "regretted"),
			f.event(chat.Event{Key: chat.EventKey("gone"), Type: chat.ParticipantRemoved, SID: ch1, Participant: chat.RemoteParticipant{SID: mb2}, At: noon}),
		}
	}
	var want string
	for seed := range uint64(12) {
		f := newFixture(t)
		f.live(ann, ch1, mb1)
		events := day(f)
		if seed > 0 {
			r := rand.New(rand.NewPCG(seed, 0))
			events = append(events, events[:5]...)
			r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			for len(events) > 0 {
				n := min(len(events), 1+r.IntN(4))
				f.apply(events[:n]...)
				events = events[n:]
			}
		} else {
			f.apply(events...)
			want = f.projection()
			continue
		}
		if diff := cmp.Diff(want, f.projection()); diff != "" {
			t.Errorf("seed %d (-in order +shuffled):\n%s", seed, diff)
		}
	}
	for _, part := range []string{"5 out still there? undelivered 30003 f", "12:06:00", "7 in corrected again received 0 t", "8 in touched received 0 f", "9 in regretted received 0 f 2026-11-22 13:00"} {
		if !strings.Contains(want, part) {
			t.Errorf("the outcome itself lacks %q:\n%s", part, want)
		}
	}
}

// Events of a conversation that no row has yet wait for it.
func TestParkedEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	if r := f.apply(f.text(ch1, mb1, ann, 0, "early")); r[0].Applied != chat.EventParked {
		t.Fatalf("got %v, want parked", r[0])
	}
	_, lease := f.conversation(ann)
	must(t, f.SaveSID(ctx, lease, chat.Found{SID: ch1}))
	if got := one[string](f, `SELECT body || ' ' || direction FROM messages`); got != "early in" {
		t.Errorf("the transcript has %q, want the early text", got)
	}
	if n := one[int](f, `SELECT count(*) FROM events WHERE applied_at IS NULL`); n != 0 {
		t.Errorf("%d events are still parked", n)
	}

	if r := f.apply(f.text(ch2, mb2, bob, 7, "foreign words")); r[0].Applied != chat.EventParked {
		t.Fatalf("got %v, want parked", r[0])
	}
	must(t, f.DropParked(ctx, ch2, "a conversation of another system"))
	if got := one[string](f, `SELECT error || coalesce(payload::text, '') FROM events WHERE conversation_sid = $1`, ch2); got != "a conversation of another system" {
		t.Errorf("the foreign event keeps %q", got)
	}
}

// What Twilio tells of users is applied, to nothing: nobody is woken and nothing waits,
// however often it is applied.
func TestUserEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	f.apply(f.text(ch1, mb1, ann, 1, "hello"), f.text(ch2, mb2, bob, 2, "parked"))
	user := func(eventType, key string) chat.Event {
		return f.event(chat.Event{Key: chat.EventKey(eventType, key), Type: eventType, User: chat.RemoteUser{SID: "US1", Identity: "agent-17"}, At: noon})
	}
	added, updated := user(chat.UserAdded, "US1"), user(chat.UserUpdated, "US1, online")
	before, jobs := f.projection(), len(f.jobs)
	for _, tt := range []struct {
		events []chat.Event
		want   chat.Applied
	}{
		{[]chat.Event{added}, chat.EventApplied},
		{[]chat.Event{updated, user(chat.UserUpdated, "US1, away")}, chat.EventApplied},
		{[]chat.Event{updated, added}, chat.EventDuplicate},
	} {
		for i, r := range f.apply(tt.events...) {
			if diff := cmp.Diff(chat.Result{Applied: tt.want}, r); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.events[i].Type, diff)
			}
		}
	}
	if n := one[int](f, `SELECT count(*) FROM events WHERE type = ANY($1) AND applied_at IS NOT NULL`, []string{chat.UserAdded, chat.UserUpdated}); n != 3 {
		t.Errorf("%d events are applied, want 3", n)
	}
	if diff := cmp.Diff(before, f.projection()); diff != "" || len(f.jobs) != jobs {
		t.Errorf("they make %d jobs, and change (-before +after):\n%s", len(f.jobs)-jobs, diff)
	}
	f.replaysToTheSame("told of users")
	if r, err := f.Rehearse(t.Context()); err != nil || r.Events != 4 || r.LeftOut != 0 {
		t.Errorf("a rehearsal comes to %+v, %v, want 4 events and none left out", r, err)
	}
	if b, err := f.Backlog(t.Context()); err != nil || b.EventsParked != 1 {
		t.Errorf("%d events are parked, %v, want the text's alone", b.EventsParked, err)
	}
}

// An event that the database will not apply is kept with its error and does
// not spoil the others it came with.
func TestBadEventIsStored(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	clash := f.text(ch1, mb1, ann, 1, "two texts cannot have one index")
	clash.Message.SID = im(99)
	clash.Key = chat.EventKey(chat.MessageAdded, "clash")
	results := f.apply(f.text(ch1, mb1, ann, 1, "first"), clash, f.text(ch1, mb1, ann, 2, "last"))
	if results[0].Applied != chat.EventApplied || results[1].Applied != chat.EventStored || results[1].Error == "" || results[2].Applied != chat.EventApplied {
		t.Errorf("got %+v, want applied, stored with its error, applied", results)
	}
	if n := one[int](f, `SELECT count(*) FROM messages WHERE direction = 'in'`); n != 2 {
		t.Errorf("%d texts, want 2", n)
	}
	again := f.apply(clash)
	if again[0].Applied != chat.EventDuplicate {
		t.Errorf("again: got %+v, want duplicate", again)
	}
}

// Our own message is found by the id in its attributes, whoever tells of it.
func TestOwnMessageIsFound(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	id := f.live(ann, ch1, mb1)
	welcome := one[uuid.UUID](f, `SELECT id FROM messages WHERE purpose = 'welcome'`)
	_, err := f.RecordSignup(ctx, f.signup(ann))
	must(t, err)
	lease := f.lease(id)
	v, err := f.BeginSend(ctx, lease, welcome, func(chat.GateFacts) chat.Verdict { return chat.Verdict{} })
	must(t, err)
	if !v.Goes() {
		t.Fatalf("the gate says %+v", v)
	}
	f.apply(f.receipt(ch1, 0, chat.Delivered, 0)) // faster than the answer to our post
	sent := chat.RemoteMessage{SID: im(0), Index: 0, OurID: welcome, Author: "bot", Body: "Welcome", At: noon}
	_, err = f.RecordSent(ctx, ch1, sent)
	must(t, err)
	_, err = f.RecordSent(ctx, ch1, sent)
	must(t, err)
	f.apply(chat.PolledMessage(ch1, sent))
	if got := one[string](f, `SELECT count(*) || ' ' || max(status) FROM messages`); got != "1 delivered" {
		t.Errorf("the transcript has %s, want 1 delivered", got)
	}
}

// A text that came while its conversation counted as foreign is not lost when
// the conversation turns out to be ours: asking brings it again.
func TestDroppedEventIsTakenUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	stop := f.text(ch1, mb1, ann, 0, "STOP")
	f.apply(stop)
	must(t, f.DropParked(ctx, ch1, "a conversation of another system"))
	must(t, f.AdoptConversation(ctx, chat.Adoption{SID: ch1, Participant: chat.RemoteParticipant{SID: mb1, Address: ann, ProxyAddress: sender}}))
	polled := chat.PolledMessage(ch1, stop.Message)
	for i, want := range [][]chat.Applied{{chat.EventApplied, chat.EventDuplicate}, {chat.EventDuplicate, chat.EventDuplicate}} {
		for j, r := range f.apply(polled, polled) {
			if r.Applied != want[j] {
				t.Errorf("round %d: got %v, want %v", i, r.Applied, want[j])
			}
		}
	}
	if got := one[string](f, `SELECT body || ' ' || (SELECT count(*) FROM opt_outs WHERE cleared_at IS NULL) FROM messages`); got != "STOP 1" {
		t.Errorf("got %q, want the STOP in the transcript and obeyed", got)
	}
	if got := one[bool](f, `SELECT applied_at IS NOT NULL AND error = '' AND payload IS NOT NULL AND pruned_at IS NULL FROM events`); !got {
		t.Error("the event does not count as applied")
	}
}

// Somebody who was taken out and added again is one customer, who may be in the
// conversation by now; two people are nobody's.
func TestParkedCustomer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		second chat.Phone
		leaves chat.ParticipantSID
		want   chat.RemoteParticipant
		left   bool
	}{
		"added again":           {ann, mb1, chat.RemoteParticipant{SID: mb2, Address: ann, ProxyAddress: sender}, false},
		"added again, and gone": {ann, mb2, chat.RemoteParticipant{SID: mb2, Address: ann, ProxyAddress: sender}, true},
		"somebody else":         {bob, mb1, chat.RemoteParticipant{}, false},
	} {
		f := newFixture(t)
		about := func(typ string, mb chat.ParticipantSID, phone chat.Phone) chat.Event {
			p := chat.RemoteParticipant{SID: mb, Address: phone, ProxyAddress: sender}
			return f.event(chat.Event{Key: chat.EventKey(typ, string(mb)), Type: typ, SID: ch1, Participant: p, At: noon})
		}
		f.apply(about(chat.ParticipantAdded, mb1, ann), f.text(ch1, mb1, ann, 0, "STOP"),
			about(chat.ParticipantRemoved, tt.leaves, tt.second), about(chat.ParticipantAdded, mb2, tt.second))
		told, err := f.Parked(t.Context(), ch1)
		must(t, err)
		if told.Customer != tt.want || told.Left != tt.left {
			t.Errorf("%s: %+v, want %+v, left %t", name, told, tt.want, tt.left)
		}
	}
}

// A parked event that the database will not apply does not keep its
// conversation from becoming a row's.
func TestBadParkedEvent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	clash := f.text(ch1, mb1, ann, 1, "two texts cannot have one index")
	clash.Message.SID, clash.Key = im(99), chat.EventKey(chat.MessageAdded, "clash")
	f.apply(f.text(ch1, mb1, ann, 1, "first"), f.event(clash), f.text(ch1, mb1, ann, 2, "last"))
	_, lease := f.conversation(ann)
	must(t, f.SaveSID(t.Context(), lease, chat.Found{SID: ch1}))
	if got := one[string](f, `SELECT string_agg(body, ' ' ORDER BY index) FROM messages`); got != "first last" {
		t.Errorf("the transcript is %q, want first last", got)
	}
	if got := one[string](f, `SELECT error FROM events WHERE applied_at IS NULL`); got != "could not be applied: violates messages_conversation_index" {
		t.Errorf("the bad event says %q", got)
	}
}

// Trouble that is not the event's fault is an error, and bringing the event
// again applies it.
func TestTroubleIsNotTheEventsFault(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	_, err := f.db.Exec(t.Context(), `UPDATE conversations SET done_seq = work_seq`)
	must(t, err)
	keys, err := chat.NewKeyring(make([]byte, chat.MinSecret))
	must(t, err)
	broken := store.New(f.db, keys, nil, f.decode) // it cannot wake anybody
	text := f.text(ch1, mb1, ann, 1, "hello")
	if _, err := broken.ApplyEvents(t.Context(), []chat.Event{text}); !errors.Is(err, chat.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if r := f.apply(text); r[0].Applied != chat.EventApplied {
		t.Errorf("again: got %+v, want applied", r[0])
	}
}

// welcomeAt is an event for the welcome, found by asking as the n-th message.
func (f *fixture) welcomeAt(welcome uuid.UUID, n int) chat.Event {
	return f.event(chat.PolledMessage(ch1, chat.RemoteMessage{SID: im(n), Index: n, OurID: welcome, Author: "bot", Body: "Welcome", At: noon}))
}

// A text that was given up although it had left is in the transcript as what
// Twilio says it is, and a replay comes to the same.
func TestGivenUpButSent(t *testing.T) {
	t.Parallel()
	for name, giveUp := range map[string]func(*fixture, chat.Lease, uuid.UUID) error{
		"cancelled": func(f *fixture, _ chat.Lease, _ uuid.UUID) error {
			f.exec(`UPDATE messages SET status = 'cancelled', reason = 'the person replied STOP'`)
			return nil
		},
		"posted in vain": func(f *fixture, lease chat.Lease, welcome uuid.UUID) error {
			return f.RefuseSend(t.Context(), lease, welcome, 0, "it was posted many times")
		},
		"refused": func(f *fixture, lease chat.Lease, welcome uuid.UUID) error {
			return f.RefuseSend(t.Context(), lease, welcome, 21612, "the number cannot be reached")
		},
		"the conversation ended": func(f *fixture, lease chat.Lease, _ uuid.UUID) error {
			return f.CloseConversation(t.Context(), lease, "deleted at Twilio", true)
		},
	} {
		for _, early := range []bool{true, false} {
			f := newFixture(t)
			lease := f.lease(f.live(ann, ch1, mb1))
			welcome := f.welcomeOf(lease.ConversationID)
			f.posting(lease)
			must(t, giveUp(f, lease, welcome))
			found, delivered := f.welcomeAt(welcome, 0), f.receipt(ch1, 0, chat.Delivered, 0)
			if early {
				f.apply(delivered)
				f.apply(found)
			} else {
				f.apply(found)
				f.apply(delivered)
			}
			if got := one[string](f, `SELECT concat_ws(' ', status, error_code, reason) FROM messages`); got != "delivered 0 " {
				t.Errorf("%s, the receipt first %t: the message is %q, want delivered", name, early, got)
			}
			r, err := f.Rehearse(t.Context())
			must(t, err)
			if len(r.Differences) > 0 {
				t.Errorf("%s, the receipt first %t: replayed differently: %+v", name, early, r.Differences)
			}
		}
	}
}

// A text was posted again because the first post had no answer, and both have
// arrived: both are in the transcript, as ours and each with its receipt, in
// whatever order that is told, and a replay comes to the same.
func TestBothPostsOfOneText(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		f := newFixture(t)
		lease := f.lease(f.live(ann, ch1, mb1))
		welcome := f.welcomeOf(lease.ConversationID)
		f.posting(lease)
		events := []chat.Event{f.welcomeAt(welcome, 0), f.welcomeAt(welcome, 1), f.receipt(ch1, 0, chat.Delivered, 0), f.receipt(ch1, 1, chat.Undelivered, 30003)}
		if seed > 0 {
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			_, err := f.RecordSent(t.Context(), ch1, events[slices.IndexFunc(events, func(e chat.Event) bool { return e.Message.SID == im(1) })].Message)
			must(t, err)
		}
		for _, e := range events {
			f.apply(e)
		}
		const q = `SELECT string_agg(concat_ws(' ', index, direction, author, status, error_code), ', ' ORDER BY index) FROM messages`
		if got := one[string](f, q); got != "0 out bot delivered 0, 1 out bot undelivered 30003" {
			t.Errorf("seed %d: the transcript is %s", seed, got)
		}
		if n := one[int](f, `SELECT count(*) FROM messages WHERE purpose = 'welcome'`); n != 1 {
			t.Errorf("seed %d: %d of them are the welcome, want 1", seed, n)
		}
		r, err := f.Rehearse(t.Context())
		must(t, err)
		if len(r.Differences) > 0 {
			t.Errorf("seed %d: replayed differently: %+v", seed, r.Differences)
		}
	}
}

// What a receipt says of a failure stays when Twilio tells of the text again.
func TestFailedByReceiptStays(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	welcome := one[uuid.UUID](f, `SELECT id FROM messages`)
	f.apply(f.welcomeAt(welcome, 0))
	f.apply(f.receipt(ch1, 0, chat.FailedSend, 30008))
	again := f.welcomeAt(welcome, 0)
	again.Key = chat.EventKey(chat.MessageAdded, "again")
	f.apply(again)
	if got := one[string](f, `SELECT concat_ws(' ', status, error_code, reason) FROM messages`); got != "failed 30008 " {
		t.Errorf("the message is %q, want failed", got)
	}
}

// Within a second it is the order of the texts that counts: webhooks tell
// milliseconds, Twilio's API whole seconds.
func TestStopAndStartWithinASecond(t *testing.T) {
	t.Parallel()
	second := time.Date(2026, 11, 28, 12, 0, 5, 0, time.UTC)
	for _, tt := range []struct {
		first, second     string
		firstAt, secondAt time.Time
		out               int
	}{
		{"STOP", "START", second.Add(900 * time.Millisecond), second, 0},
		{"START", "STOP", second.Add(900 * time.Millisecond), second, 1},
		{"STOP", "START", second, second.Add(900 * time.Millisecond), 0},
		{"START", "STOP", second, second.Add(900 * time.Millisecond), 1},
	} {
		f := newFixture(t)
		f.live(ann, ch1, mb1)
		first, last := f.text(ch1, mb1, ann, 1, tt.first), f.text(ch1, mb1, ann, 2, tt.second)
		first.Message.At, last.Message.At = tt.firstAt, tt.secondAt
		_, err := f.ApplyEvents(t.Context(), []chat.Event{first, last})
		must(t, err)
		if got := one[int](f, `SELECT count(*) FROM opt_outs WHERE cleared_at IS NULL`); got != tt.out {
			t.Errorf("%s at %v, then %s at %v: %d opt-outs stand, want %d", tt.first, tt.firstAt, tt.second, tt.secondAt, got, tt.out)
		}
	}
}
