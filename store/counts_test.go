package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

// Only what asking found first counts as lost, unless a webhook may be about to bring
// it, and of everything once.
func TestWebhooksLost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	f.live(bob, ch2, mb2)
	now := time.Now().UTC()
	message := func(n int, body string, age time.Duration) chat.RemoteMessage {
		return chat.RemoteMessage{SID: im(n), Index: n, Author: string(ann), Participant: mb1, Body: body, At: now.Add(-age)}
	}
	text := func(n int, age time.Duration) chat.Event { return chat.PolledMessage(ch1, message(n, "hello", age)) }
	edit := func(n int, body string, age time.Duration) chat.Event {
		m := message(n, body, time.Hour)
		m.UpdatedAt = now.Add(-age)
		return chat.PolledMessage(ch1, m)
	}
	receipt := func(n int, status chat.Status, age time.Duration) chat.Event {
		return chat.PolledReceipt(ch1, chat.Receipt{SID: "DY1", Message: im(n), Status: status, At: now.Add(-age)})
	}
	deletion := func(n int) chat.Event {
		return chat.PolledMessageRemoved(ch1, chat.TranscriptMessage{SID: im(n), Index: n}, now)
	}
	byWebhook := func(e chat.Event) chat.Event {
		e.Via, e.Key = chat.ViaWebhook, chat.EventKey(e.Type, "webhook", string(e.Payload))
		return e
	}
	byUs := func(e chat.Event) chat.Event { e.ByUs = true; return e }
	first := text(0, time.Hour)
	first.Via = chat.ViaWebhook
	ours := chat.RemoteMessage{SID: im(5), Index: 5, Author: "bot", Body: "hi", At: now.Add(-time.Hour)}
	want := map[string]int64{"text": 0, "receipt": 0, "state": 0, "participant": 0, "edit": 0, "deletion": 0}
	for _, tt := range []struct {
		name  string
		event chat.Event
		kind  string // "" counts nothing
	}{
		{"a webhook's text", first, ""},
		{"a webhook brought it", text(0, time.Hour), ""},
		{"its webhook may be under way", text(1, time.Second), ""},
		{"an old text", text(2, time.Minute), "text"},
		{"the same again", text(2, time.Minute), ""},
		{"its webhook, late", byWebhook(text(2, time.Minute)), ""},
		{"an old receipt", receipt(5, chat.Sent, time.Minute), "receipt"},
		{"a new receipt", receipt(5, chat.Delivered, time.Second), ""},
		{"a text of our side, which no webhook tells of", chat.PolledMessage(ch1, ours), ""},
		{"an old edit", edit(0, "first", 10*time.Minute), "edit"},
		{"the same body later", edit(0, "first", 9*time.Minute), ""},
		{"a webhook's edit", byWebhook(edit(0, "second", 8*time.Minute)), ""},
		{"a webhook brought the edit", edit(0, "second", 8*time.Minute), ""},
		{"an edit of before", edit(0, "third", 20*time.Minute), ""},
		{"an edit whose webhook may be under way", edit(0, "fourth", time.Second), ""},
		{"a deletion", deletion(0), "deletion"},
		{"its webhook, late, for the deletion", byWebhook(deletion(0)), ""},
		{"a webhook's deletion", byWebhook(deletion(1)), ""},
		{"a webhook brought the deletion", deletion(1), ""},
		{"somebody else was taken out", chat.PolledParticipantRemoved(ch1, mb2, now), ""},
		{"the customer was taken out", chat.PolledParticipantRemoved(ch1, mb1, now), "participant"},
		{"and is still gone", chat.PolledParticipantRemoved(ch1, mb1, now.Add(time.Hour)), ""},
		{"a closing", chat.PolledClosed(ch1, now), "state"},
		{"the closed one is deleted", chat.PolledRemoved(ch1, now), ""},
		{"we closed it", byUs(chat.PolledClosed(ch2, now)), ""},
		{"and then it is found so", chat.PolledClosed(ch2, now.Add(time.Hour)), ""},
	} {
		if tt.kind != "" {
			want[tt.kind]++
		}
		f.apply(tt.event)
		got, err := f.WebhooksLost(t.Context())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("after %s: %v, lost (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

// What is found together is counted together.
func TestWebhooksLostTogether(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	f.live(bob, ch2, mb2)
	now := time.Now()
	for range 2 {
		f.apply(chat.PolledRemoved(ch1, now), chat.PolledParticipantRemoved(ch2, mb2, now), chat.PolledClosed(ch2, now))
	}
	want := map[string]int64{"text": 0, "receipt": 0, "state": 2, "participant": 1, "edit": 0, "deletion": 0}
	if got, err := f.WebhooksLost(t.Context()); err != nil || !cmp.Equal(want, got) {
		t.Errorf("lost are %v, %v, want %v", got, err, want)
	}
}
