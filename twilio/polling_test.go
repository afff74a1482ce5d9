package twilio

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"textme/chat"
	"textme/twilio/twiliosim"
)

func TestReceipts(t *testing.T) {
	t.Parallel()
	sim, c := newSim(t)
	ctx := within(t)
	sid := conversation(t, c, "textme-1")
	p, err := c.AddParticipant(ctx, sid, customer, sender)
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Next(twiliosim.Outcome{Status: "delivered"}, twiliosim.Outcome{Status: "undelivered", ErrorCode: 30003}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []chat.Receipt{{Status: chat.Delivered}, {Status: chat.Undelivered, ErrorCode: 30003}} {
		m, err := c.CreateMessage(ctx, sid, chat.Outgoing{ID: uuid.New(), Author: "bot", Body: "Hi"})
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Settle(ctx); err != nil {
			t.Fatal(err)
		}
		got, err := c.Receipts(ctx, sid, m.SID)
		if err != nil || len(got) != 1 {
			t.Fatalf("receipts: %+v, %v, want one", got, err)
		}
		there := sim.Receipts(string(m.SID))[0]
		want.SID, want.Message, want.Participant, want.Channel = there.SID, m.SID, p.SID, there.ChannelMessageSID
		want.At = there.Updated.UTC().Truncate(time.Second)
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Errorf("receipt: -want +got\n%s", diff)
		}
	}
	if got, err := c.Receipts(ctx, sid, testIM); codeOf(err) != 20404 {
		t.Errorf("receipts of no message: %+v, %v, want code 20404", got, err)
	}
}

// A receipt of another message is no answer; one with a status of a day to
// come is left out.
func TestOddReceipts(t *testing.T) {
	t.Parallel()
	receipt := func(change ...string) string {
		fields := map[string]any{"sid": testDY, "conversation_sid": testCH, "message_sid": testIM, "status": "sent", "date_created": "2026-03-01T12:00:00Z"}
		for i := 0; i < len(change); i += 2 {
			fields[change[i]] = change[i+1]
		}
		b, _ := json.Marshal(fields)
		return string(b)
	}
	tests := map[string]struct {
		receipt string
		want    int // -1: an error
	}{
		"sound":           {receipt(), 1},
		"unknown status":  {receipt("status", "pondering"), 0},
		"other message":   {receipt("message_sid", "IM"+testIM[2:33]+"0"), -1},
		"no SID":          {receipt("sid", ""), -1},
		"bad participant": {receipt("participant_sid", "../x"), -1},
		"bad channel":     {receipt("channel_message_sid", "SM1"), -1},
		"bad code":        {receipt("error_code", "many"), -1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"delivery_receipts":[%s],"meta":{"key":"delivery_receipts"}}`, tt.receipt)
			}))
			t.Cleanup(srv.Close)
			got, err := newClient(t, srv.URL).Receipts(within(t), testCH, testIM)
			if n := len(got); err == nil && n != tt.want || err != nil && tt.want >= 0 {
				t.Errorf("got %+v, %v, want %d receipts", got, err, tt.want)
			}
			if len(got) == 1 && !got[0].At.Equal(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) {
				t.Errorf("receipt of %s, want the time of its creation where it was never updated", got[0].At)
			}
		})
	}
}

func TestConversationsSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	_, c := newSim(t, func(o *twiliosim.Options) { o.Now = func() time.Time { return now } })
	ctx := within(t)
	conversation(t, c, "yesterday")
	now = now.Add(24 * time.Hour)
	conversation(t, c, "earlier-today")
	now = now.Add(time.Hour)
	since := now
	closed := conversation(t, c, "closed")
	if _, err := c.UpdateConversationState(ctx, closed, "closed"); err != nil {
		t.Fatal(err)
	}
	for i := range 120 {
		conversation(t, c, fmt.Sprint("textme-", i))
	}
	got, err := c.ConversationsSince(ctx, since)
	if err != nil || len(got) != 121 {
		t.Fatalf("%d conversations, %v, want 121", len(got), err)
	}
	if got[0].SID != closed {
		t.Errorf("the first is %q, want the closed one", got[0].UniqueName)
	}
	for i, rc := range got[1:] {
		if want := fmt.Sprint("textme-", i); rc.UniqueName != want {
			t.Errorf("conversation %d is %q, want %q", i, rc.UniqueName, want)
		}
	}
}

// What polling makes is read back from its payload as the same fact.
func TestPolledEventsAreReadBack(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)
	events := map[string]chat.Event{
		"message": chat.PolledMessage(testCH, chat.RemoteMessage{
			SID: testIM, Index: 7, Author: string(customer), Participant: testMB, Body: "Are you open? ☎",
			Media: json.RawMessage(`[{"service_sid":"` + testService + `","sid":"ME1"}]`), At: at, UpdatedAt: at,
		}),
		"edited message":  chat.PolledMessage(testCH, chat.RemoteMessage{SID: testIM, Author: string(customer), Body: "Open?", At: at, UpdatedAt: at.Add(time.Hour)}),
		"message of ours": chat.PolledMessage(testCH, chat.RemoteMessage{SID: testIM, OurID: uuid.New(), Author: "bot", Body: "Hi", At: at}),
		"empty message":   chat.PolledMessage(testCH, chat.RemoteMessage{SID: testIM, At: at}),
		"receipt": chat.PolledReceipt(testCH, chat.Receipt{
			SID: testDY, Message: testIM, Participant: testMB, Channel: "SM" + testIM[2:], Status: chat.Undelivered, ErrorCode: 30003, At: at,
		}),
		"participant":         chat.PolledParticipantRemoved(testCH, testMB, at),
		"participant of ours": chat.PolledParticipantAdded(testCH, testMB, false, at),
		"participant is back": chat.PolledParticipantAdded(testCH, testMB, true, at),
		"closed conversation": chat.PolledClosed(testCH, at),
		"gone conversation":   chat.PolledRemoved(testCH, at),
	}
	for name, want := range events {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := DecodePayload(want.Payload)
			if err != nil || got.Problem != "" {
				t.Fatalf("%v %s", err, got.Problem)
			}
			ownKey := slices.Contains([]string{chat.ConversationStateUpdated, chat.ConversationRemoved, chat.ParticipantRemoved}, want.Type) || want.Message.Edited() || name == "participant is back"
			if same := got.Key == want.Key; same == ownKey {
				t.Errorf("the key is the webhook's: %t, want %t", same, !ownKey)
			}
			checkJSONB(t, want.Payload)
			got.Key, got.Via, got.Payload = want.Key, want.Via, want.Payload
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
