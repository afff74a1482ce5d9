package store_test

import (
	"testing"
	"time"

	"textme/chat"
)

// Only what polling found, and what a webhook would have brought by now,
// counts as lost.
func TestWebhooksLost(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.live(ann, ch1, mb1)
	now := time.Now().UTC()
	text := func(n int, age time.Duration) chat.Event {
		return chat.PolledMessage(ch1, chat.RemoteMessage{SID: im(n), Index: n, Author: string(ann), Participant: mb1, Body: "hello", At: now.Add(-age)})
	}
	receipt := func(n int, status chat.Status, age time.Duration) chat.Event {
		return chat.PolledReceipt(ch1, chat.Receipt{SID: "DY1", Message: im(n), Status: status, At: now.Add(-age)})
	}
	byWebhook := text(0, time.Hour)
	byWebhook.Via = chat.ViaWebhook
	f.apply(byWebhook)
	ours := chat.RemoteMessage{SID: im(5), Index: 5, Author: "bot", Body: "hi", At: now.Add(-time.Hour)}
	tests := []struct {
		name  string
		event chat.Event
		want  int64
	}{
		{"a webhook brought it", text(0, time.Hour), 0},
		{"its webhook may be under way", text(1, time.Second), 0},
		{"an old text", text(2, time.Minute), 1},
		{"the same again", text(2, time.Minute), 1},
		{"an old receipt", receipt(5, chat.Sent, time.Minute), 2},
		{"a new receipt", receipt(5, chat.Delivered, time.Second), 2},
		{"a text of our side, which no webhook tells of", chat.PolledMessage(ch1, ours), 2},
	}
	for _, tt := range tests {
		f.apply(tt.event)
		if got, err := f.WebhooksLost(t.Context()); err != nil || got != tt.want {
			t.Errorf("after %s: %d lost, %v, want %d", tt.name, got, err, tt.want)
		}
	}
}
