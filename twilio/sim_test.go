package twilio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// newSim starts a simulated account and a client of it.
func newSim(t *testing.T, change ...func(*twiliosim.Options)) (*twiliosim.Server, *Client) {
	t.Helper()
	opts := twiliosim.Options{AccountSID: testAccount, AuthToken: testToken, Senders: []string{string(sender)}, Seed: 1}
	for _, f := range change {
		f(&opts)
	}
	sim, err := twiliosim.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sim)
	t.Cleanup(func() {
		srv.Close()
		if err := sim.Close(within(t)); err != nil {
			t.Error(err)
		}
		for _, route := range sim.Unknown() {
			t.Errorf("unknown route called: %s", route)
		}
	})
	return sim, newClient(t, srv.URL)
}

func conversation(t *testing.T, c *Client, uniqueName string) chat.ConversationSID {
	t.Helper()
	rc, err := c.CreateConversation(within(t), uniqueName)
	if err != nil {
		t.Fatal(err)
	}
	return rc.SID
}

func codeOf(err error) int {
	var te *chat.TwilioError
	if errors.As(err, &te) {
		return te.Code
	}
	return 0
}

func TestConversationRoundTrip(t *testing.T) {
	t.Parallel()
	sim, c := newSim(t)
	ctx := within(t)
	rc, err := c.CreateConversation(ctx, "textme-1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(chat.RemoteConversation{SID: rc.SID, UniqueName: "textme-1", Attributes: "{}", State: "active"}, rc); diff != "" {
		t.Errorf("created conversation: -want +got\n%s", diff)
	}
	if _, err := c.CreateConversation(ctx, "textme-1"); codeOf(err) != 50353 {
		t.Errorf("second create: %v, want code 50353", err)
	}
	for _, id := range []string{"textme-1", string(rc.SID)} {
		if got, err := c.FetchConversation(ctx, id); err != nil || got != rc {
			t.Errorf("fetch %s: %+v, %v", id, got, err)
		}
	}
	rp, err := c.AddParticipant(ctx, rc.SID, customer, sender)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(chat.RemoteParticipant{SID: rp.SID, Address: customer, ProxyAddress: sender}, rp); diff != "" {
		t.Errorf("added participant: -want +got\n%s", diff)
	}
	if got, err := c.Participants(ctx, rc.SID); err != nil || !cmp.Equal(got, []chat.RemoteParticipant{rp}) {
		t.Errorf("participants: %+v, %v", got, err)
	}
	if got, err := c.ConversationsOf(ctx, customer, sender); err != nil || !cmp.Equal(got, []chat.Membership{{Conversation: rc, Participant: rp}}) {
		t.Errorf("conversations of the customer: %+v, %v", got, err)
	}
	if got, err := c.ConversationsOf(ctx, customer, ""); err != nil || len(got) != 1 {
		t.Errorf("conversations of the number, whatever the sender: %+v, %v", got, err)
	}
	if got, err := c.ConversationsOf(ctx, customer, "+14155550199"); err != nil || len(got) != 0 {
		t.Errorf("conversations through another sender: %+v, %v", got, err)
	}
	ours := chat.Outgoing{ID: uuid.New(), Author: "bot", Body: "Hi"}
	rm, err := c.CreateMessage(ctx, rc.SID, ours)
	if err != nil {
		t.Fatal(err)
	}
	want := chat.RemoteMessage{SID: rm.SID, OurID: ours.ID, Author: "bot", Body: "Hi", At: rm.At, UpdatedAt: rm.UpdatedAt}
	if diff := cmp.Diff(want, rm); diff != "" {
		t.Errorf("created message: -want +got\n%s", diff)
	}
	if time.Since(rm.At).Abs() > time.Minute {
		t.Errorf("message of %s, want now", rm.At)
	}
	if _, err := sim.Handset(string(customer)).Wait(ctx, func(x twiliosim.Text) bool { return x.Body == "Hi" }); err != nil {
		t.Error(err)
	}
	if err := sim.Settle(ctx); err != nil {
		t.Error(err)
	}
}

func TestPairTaken(t *testing.T) {
	t.Parallel()
	_, c := newSim(t)
	ctx := within(t)
	first, second := conversation(t, c, "textme-1"), conversation(t, c, "textme-2")
	if _, err := c.AddParticipant(ctx, first, customer, sender); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddParticipant(ctx, first, customer, sender); codeOf(err) != 50437 {
		t.Errorf("again to the same: %v, want code 50437", err)
	}
	_, err := c.AddParticipant(ctx, second, customer, sender)
	var te *chat.TwilioError
	if !errors.As(err, &te) || te.Code != 50416 || te.Holder != first {
		t.Errorf("to another: %+v, want code 50416 and holder %s", te, first)
	}
	closed, err := c.UpdateConversationState(ctx, first, "closed")
	if err != nil || closed.State != "closed" {
		t.Errorf("close: %+v, %v", closed, err)
	}
	if got, err := c.ConversationsOf(ctx, customer, sender); err != nil || len(got) != 0 {
		t.Errorf("a closed conversation is listed: %+v, %v", got, err)
	}
	if _, err := c.UpdateConversationState(ctx, first, "active"); codeOf(err) != 50377 {
		t.Errorf("reopening: %v, want code 50377", err)
	}
	if _, err := c.AddParticipant(ctx, second, customer, sender); err != nil {
		t.Errorf("the pair is not free after closing: %v", err)
	}
}

func TestDeletingTwiceIsSafe(t *testing.T) {
	t.Parallel()
	_, c := newSim(t)
	ctx := within(t)
	sid := conversation(t, c, "textme-1")
	for range 2 {
		if err := c.DeleteConversation(ctx, sid); err != nil {
			t.Error(err)
		}
	}
	_, err := c.FetchConversation(ctx, string(sid))
	var te *chat.TwilioError
	if !errors.As(err, &te) || te.Class() != chat.Gone {
		t.Errorf("fetching it: %v, want it gone", err)
	}
}

func TestFetchMessage(t *testing.T) {
	t.Parallel()
	_, c := newSim(t)
	ctx := within(t)
	sid := conversation(t, c, "textme-1")
	sent, err := c.CreateMessage(ctx, sid, chat.Outgoing{ID: uuid.New(), Author: "bot", Body: "Hi"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.FetchMessage(ctx, sid, sent.SID)
	if diff := cmp.Diff(sent, got); diff != "" || err != nil {
		t.Errorf("got %v, -sent +fetched:\n%s", err, diff)
	}
	if got, err := c.FetchMessage(ctx, sid, testIM); codeOf(err) != 20404 {
		t.Errorf("no message: %+v, %v, want code 20404", got, err)
	}
	other := conversation(t, c, "textme-2")
	if got, err := c.FetchMessage(ctx, other, sent.SID); codeOf(err) != 20404 {
		t.Errorf("in another conversation: %+v, %v, want code 20404", got, err)
	}
}

func TestMessagesAfter(t *testing.T) {
	t.Parallel()
	sim, c := newSim(t, func(o *twiliosim.Options) { o.IndexStep = 3 })
	ctx := within(t)
	sid := conversation(t, c, "textme-1")
	const n = 230
	for i := range n {
		if _, err := c.CreateMessage(ctx, sid, chat.Outgoing{ID: uuid.New(), Author: "bot", Body: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	last := (n - 1) * 3
	tests := map[string]struct {
		after, first, count, pages int
	}{
		"all":            {-1, 0, n, 3},
		"some":           {last - 30, last - 27, 10, 1},
		"within a gap":   {last - 31, last - 30, 11, 1},
		"over two pages": {last - 3*150, last - 3*149, 150, 2},
		"none":           {last, 0, 0, 1},
	}
	const route = "GET /v1/Conversations/{ConversationSid}/Messages"
	for name, tt := range tests {
		before := sim.Calls()[route]
		got, err := c.MessagesAfter(ctx, sid, tt.after)
		if err != nil || len(got) != tt.count {
			t.Errorf("%s: %d messages, %v, want %d", name, len(got), err, tt.count)
			continue
		}
		for i, m := range got {
			if want := tt.first + 3*i; m.Index != want || m.Body != fmt.Sprint(want/3) {
				t.Errorf("%s: message %d has index %d and body %s, want index %d", name, i, m.Index, m.Body, want)
			}
		}
		if pages := sim.Calls()[route] - before; pages != tt.pages {
			t.Errorf("%s: %d pages read, want %d", name, pages, tt.pages)
		}
	}
}

func TestResourcesKeepTheAPIsFields(t *testing.T) {
	t.Parallel()
	_, c := newSim(t)
	ctx := within(t)
	rc, err := c.CreateConversationResource(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if rc.UniqueName != nil || rc.AccountSID != testAccount || rc.DateCreated == nil || rc.URL == "" || rc.Links["participants"] == nil {
		t.Errorf("conversation: %+v", rc)
	}
	rp, err := c.AddParticipantResource(ctx, rc.SID, customer, sender)
	if err != nil {
		t.Fatal(err)
	}
	want := ParticipantResource{
		SID: rp.SID, AccountSID: testAccount, ConversationSID: rc.SID, Attributes: "{}",
		MessagingBinding: &MessagingBinding{Type: "sms", Address: customer, ProxyAddress: sender},
		DateCreated:      rp.DateCreated, DateUpdated: rp.DateUpdated, URL: rc.URL + "/Participants/" + string(rp.SID),
	}
	if diff := cmp.Diff(want, rp); diff != "" {
		t.Errorf("participant: -want +got\n%s", diff)
	}
	if got, err := c.ListParticipantResources(ctx, rc.SID); err != nil || !cmp.Equal(got, []ParticipantResource{want}) {
		t.Errorf("participants: %+v, %v", got, err)
	}
	if got, err := c.FetchConversationResource(ctx, string(rc.SID)); err != nil || got.SID != rc.SID {
		t.Errorf("fetched: %+v, %v", got, err)
	}
}

// What the simulator signs with its own code is what Webhooks accepts, and a
// text to a sender starts a conversation once autocreate is on.
func TestWebhooksOfTheSimulator(t *testing.T) {
	t.Parallel()
	sim, c := newSim(t)
	ctx := within(t)
	events := make(chan chat.Event, 100)
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	v, err := NewVerifier(base, testToken)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWebhooks(v, testAccount, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		e, err := w.Receive(r.RequestURI, r.Header, body)
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
		events <- e
		rw.WriteHeader(http.StatusNoContent)
	})
	srv.Start()
	t.Cleanup(srv.Close)

	filters := []string{chat.ConversationAdded, chat.ParticipantAdded, chat.MessageAdded, chat.DeliveryUpdated, chat.ConversationStateUpdated}
	for range 2 { // both are safe to repeat
		if err := c.SetWebhooks(ctx, base+capturedTarget, filters); err != nil {
			t.Fatal(err)
		}
		if err := c.EnableAutocreate(ctx, sender); err != nil {
			t.Fatal(err)
		}
	}
	if n := sim.Calls()["POST /v1/Configuration/Addresses"]; n != 1 {
		t.Errorf("%d address configurations made, want 1", n)
	}
	text, err := sim.Handset(string(customer)).Text(string(sender), "Are you open? ☎")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]chat.Event{}
	for range 3 {
		e := next(ctx, t, events)
		want[e.Type] = e
	}
	m := want[chat.MessageAdded]
	listed, err := c.MessagesAfter(ctx, m.SID, -1)
	if err != nil || len(listed) != 1 {
		t.Fatalf("messages: %+v, %v", listed, err)
	}
	if diff := cmp.Diff(listed[0].Body, m.Message.Body); diff != "" || string(m.Message.SID) != text.MessageSID || m.Key != chat.PolledMessage(m.SID, listed[0]).Key {
		t.Errorf("webhook and listing differ: %s, %+v", diff, m.Message)
	}
	if p := want[chat.ParticipantAdded]; p.Participant.Address != customer || p.Participant.SID != m.Message.Participant {
		t.Errorf("participant: %+v", p)
	}
	if e := want[chat.ConversationAdded]; e.SID != m.SID {
		t.Errorf("conversation: %+v", e)
	}

	if _, err := c.CreateMessage(ctx, m.SID, chat.Outgoing{ID: uuid.New(), Author: "bot", Body: "Yes"}); err != nil {
		t.Fatal(err)
	}
	for _, status := range []chat.Status{chat.Sent, chat.Delivered} {
		if e := next(ctx, t, events); e.Type != chat.DeliveryUpdated || e.Receipt.Status != status || e.Receipt.Participant != m.Message.Participant {
			t.Errorf("got %s %+v, want status %s", e.Type, e.Receipt, status)
		}
	}
}

func next(ctx context.Context, t *testing.T, events <-chan chat.Event) chat.Event {
	t.Helper()
	select {
	case e := <-events:
		if e.Problem != "" {
			t.Errorf("%s: %s", e.Type, e.Problem)
		}
		return e
	case <-ctx.Done():
		t.Fatal("no event came")
		return chat.Event{}
	}
}

func TestEnableAutocreateRepairsWhatIsThere(t *testing.T) {
	t.Parallel()
	sim, c := newSim(t)
	ctx := within(t)
	if err := c.EnableAutocreate(ctx, sender); err != nil {
		t.Fatal(err)
	}
	// Another service than the one configured: it has to be changed in place.
	c.serviceSID = sim.ServiceSID()
	for range 2 {
		if err := c.EnableAutocreate(ctx, sender); err != nil {
			t.Fatal(err)
		}
	}
	calls := sim.Calls()
	if made, changed := calls["POST /v1/Configuration/Addresses"], calls["POST /v1/Configuration/Addresses/{Sid}"]; made != 1 || changed != 1 {
		t.Errorf("made %d and changed %d, want 1 and 1", made, changed)
	}
}
