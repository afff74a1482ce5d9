package twiliosim_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

func TestOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		outcome twiliosim.Outcome
		events  []string // Status and ErrorCode, in order
		arrives bool
		summary string // of the message's delivery
	}{
		{"delivered", twiliosim.Outcome{Status: "delivered"}, []string{"sent 0", "delivered 0"}, true, "all all none none none"},
		{"sent only", twiliosim.Outcome{Status: "sent"}, []string{"sent 0"}, true, "all none none none none"},
		{"read", twiliosim.Outcome{Status: "read"}, []string{"sent 0", "delivered 0", "read 0"}, true, "all all all none none"},
		{"undelivered", twiliosim.Outcome{Status: "undelivered", ErrorCode: 30003}, []string{"sent 0", "undelivered 30003"}, false, "all none none none all"},
		{"failed", twiliosim.Outcome{Status: "failed", ErrorCode: 30005}, []string{"failed 30005"}, false, "none none none all none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t)
			rec := s.listen("onDeliveryUpdated")
			if err := s.Handset(phone).Next(tt.outcome); err != nil {
				t.Fatal(err)
			}
			ch := s.conversation("outcomes")
			s.join(ch, phone, sender)
			im := s.say(ch, "first")
			s.settle()
			var events []string
			for _, e := range rec.events() {
				events = append(events, e.Get("Status")+" "+e.Get("ErrorCode"))
			}
			if diff := cmp.Diff(tt.events, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if got := len(s.Handset(phone).Inbox()) == 1; got != tt.arrives {
				t.Errorf("arrived %v, want %v", got, tt.arrives)
			}
			if lost := s.Handset(phone).Lost(); !tt.arrives && (len(lost) != 1 || lost[0].ErrorCode != tt.outcome.ErrorCode) {
				t.Errorf("lost texts %+v", lost)
			}
			receipts, err := s.api.ListConversationMessageReceipt(ch, im, nil)
			if err != nil || len(receipts) != 1 || *receipts[0].Status != tt.outcome.Status || receipts[0].ErrorCode != tt.outcome.ErrorCode {
				t.Errorf("receipts %+v %v", receipts, err)
			}
			m, err := s.api.FetchConversationMessage(ch, im)
			if err != nil {
				t.Fatal(err)
			}
			d := (*m.Delivery).(map[string]any)
			var summary []string
			for _, k := range []string{"sent", "delivered", "read", "failed", "undelivered"} {
				summary = append(summary, d[k].(string))
			}
			if got := strings.Join(summary, " "); got != tt.summary {
				t.Errorf("delivery %s, want %s", got, tt.summary)
			}
			s.say(ch, "second") // the script is used up
			s.settle()
			if inbox := bodies(s.Handset(phone).Inbox()); len(inbox) == 0 || inbox[len(inbox)-1] != "second" {
				t.Errorf("second text did not arrive: %v", inbox)
			}
		})
	}
}

// What a handset always does gives way to what the server, then the handset
// itself, has been told to do next.
func TestOutcomeOrder(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	h := s.Handset(phone)
	for _, err := range []error{
		h.Always(twiliosim.Outcome{Status: "failed", ErrorCode: 30005}),
		s.Next(twiliosim.Outcome{Status: "read"}),
		h.Next(twiliosim.Outcome{Status: "sent"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ch := s.conversation("order")
	s.join(ch, phone, sender)
	var got []string
	for range 4 {
		im := s.say(ch, "x")
		s.settle()
		got = append(got, s.Receipts(im)[0].Status)
	}
	if diff := cmp.Diff([]string{"sent", "read", "failed", "failed"}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	for _, bad := range []twiliosim.Outcome{{}, {Status: "lost"}, {Status: "delivered", ErrorCode: 30003}} {
		if h.Next(bad) == nil || h.Always(bad) == nil || s.Next(bad) == nil {
			t.Errorf("outcome %+v was taken", bad)
		}
	}
}

// A text in a conversation of several phones reaches the others, not its author.
func TestSeveralPhones(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch := s.conversation("group")
	s.join(ch, phone, sender)
	s.join(ch, phone2, sender2)
	if _, err := s.api.CreateConversationParticipant(ch, (&conv.CreateConversationParticipantParams{}).SetIdentity("agent")); err != nil {
		t.Fatal(err)
	}
	s.text(phone, sender, "from one")
	im := s.say(ch, "to both")
	s.settle()
	for p, want := range map[string][]string{phone: {"to both"}, phone2: {"from one", "to both"}} {
		if diff := cmp.Diff(want, bodies(s.Handset(p).Inbox())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", p, diff)
		}
	}
	if got := s.Handset(phone2).Inbox()[0].From; got != sender2 {
		t.Errorf("second phone was texted from %s, want its own sender", got)
	}
	if n := len(s.Receipts(im)); n != 2 {
		t.Errorf("%d receipts, want one for each phone", n)
	}
}

func TestKeywords(t *testing.T) {
	t.Parallel()
	const (
		stopped  = "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe."
		started  = "You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply."
		helped   = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
		optedOut = true
	)
	tests := []struct {
		name    string
		texts   []string
		answers []string
		blocked bool
	}{
		{"stop", []string{"STOP"}, []string{stopped}, optedOut},
		{"any case, blanks around", []string{" sToP\n"}, []string{stopped}, optedOut},
		{"unsubscribe", []string{"unsubscribe"}, []string{stopped}, optedOut},
		{"end", []string{"END"}, []string{stopped}, optedOut},
		{"quit", []string{"QUIT"}, []string{stopped}, optedOut},
		{"stopall", []string{"STOPALL"}, []string{stopped}, optedOut},
		{"revoke", []string{"REVOKE"}, []string{stopped}, optedOut},
		{"optout", []string{"OPTOUT"}, []string{stopped}, optedOut},
		{"cancel", []string{"CANCEL"}, []string{stopped}, optedOut},
		{"not the whole message", []string{"please stop"}, []string{}, false},
		{"with a full stop", []string{"Stop."}, []string{}, false},
		{"twice", []string{"STOP", "STOP"}, []string{stopped}, optedOut},
		{"start", []string{"STOP", "start"}, []string{stopped, started}, false},
		{"yes", []string{"STOP", "Yes"}, []string{stopped, started}, false},
		{"unstop", []string{"STOP", "UNSTOP"}, []string{stopped, started}, false},
		{"start without stop", []string{"START"}, []string{}, false},
		{"help", []string{"HELP", "info"}, []string{helped, helped}, false},
		{"help while blocked", []string{"STOP", "HELP"}, []string{stopped}, optedOut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t)
			ch := s.conversation("words")
			s.join(ch, phone, sender)
			h := s.Handset(phone)
			for _, body := range tt.texts {
				s.text(phone, sender, body)
			}
			if diff := cmp.Diff(tt.answers, bodies(h.Inbox())); diff != "" {
				t.Errorf("Twilio's answers (-want +got):\n%s", diff)
			}
			var posted []string
			for _, m := range s.Messages(ch) {
				posted = append(posted, m.Body)
			}
			if diff := cmp.Diff(tt.texts, posted); diff != "" {
				t.Errorf("the conversation holds the person's texts and nothing else (-want +got):\n%s", diff)
			}
			if h.OptedOut(sender) != tt.blocked {
				t.Errorf("opted out %v, want %v", h.OptedOut(sender), tt.blocked)
			}
		})
	}
}

func TestOptOutBlocksDelivery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		change        func(*twiliosim.Options)
		status        string
		otherSenderIs string
	}{
		{"by sender", func(*twiliosim.Options) {}, "undelivered", "delivered"},
		{"by Messaging Service", func(o *twiliosim.Options) { o.OptOutByMessagingService = true }, "undelivered", "undelivered"},
		{"as failed", func(o *twiliosim.Options) { o.OptOutStatus = "failed" }, "failed", "delivered"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, tt.change)
			rec := s.listen("onDeliveryUpdated")
			one, two := s.conversation("one"), s.conversation("two")
			s.join(one, phone, sender)
			s.join(two, phone, sender2)
			if err := s.Handset(phone).Next(twiliosim.Outcome{Status: "read"}); err != nil {
				t.Fatal(err)
			}
			s.text(phone, sender, "STOP")
			refused := s.Receipts(s.sayAndSettle(one, "after the stop"))
			if len(refused) != 1 || refused[0].Status != tt.status || refused[0].ErrorCode != 21610 {
				t.Errorf("receipts %+v, want one %s 21610", refused, tt.status)
			}
			if e := rec.events(); len(e) != 1 || e[0].Get("Status") != tt.status || e[0].Get("ErrorCode") != "21610" {
				t.Errorf("events %v", e)
			}
			if inbox := s.Handset(phone).Inbox(); len(inbox) != 1 || !inbox[0].Auto {
				t.Errorf("handset shows %v, want Twilio's answer only", bodies(inbox))
			}
			if got := s.Receipts(s.sayAndSettle(one, "still"))[0].ErrorCode; got != 21610 {
				t.Errorf("second text: error code %d, want 21610", got)
			}
			got := s.Receipts(s.sayAndSettle(two, "other sender"))[0].Status
			if tt.otherSenderIs == "delivered" {
				tt.otherSenderIs = "read" // what the handset was told to do next
			}
			if got != tt.otherSenderIs {
				t.Errorf("text from the other sender is %s, want %s", got, tt.otherSenderIs)
			}
			s.text(phone, sender, "START")
			if len(s.OptOuts()) != 0 {
				t.Errorf("opt-outs after START: %+v", s.OptOuts())
			}
			s.sayAndSettle(one, "welcome back")
			inbox := bodies(s.Handset(phone).Inbox())
			if inbox[len(inbox)-1] != "welcome back" {
				t.Errorf("after START the handset shows %v", inbox)
			}
		})
	}
}

func (s *sim) sayAndSettle(ch, body string) string {
	s.t.Helper()
	im := s.say(ch, body)
	s.settle()
	return im
}

func TestInboundRouting(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	if text := s.text(phone, sender, "anybody?"); text.MessageSID != "" {
		t.Errorf("text became message %s of no conversation", text.MessageSID)
	}
	if diff := cmp.Diff([]string{"anybody?"}, bodies(s.Dropped())); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	rec, scoped := s.listen(everything...), newRecorder(t)
	if _, err := s.api.CreateConfigurationAddress((&conv.CreateConfigurationAddressParams{}).SetType("SMS").SetAddress(sender).
		SetAutoCreationEnabled(true).SetAutoCreationType("webhook").SetAutoCreationWebhookUrl(scoped.URL).
		SetAutoCreationWebhookFilters([]string{"onMessageAdded"})); err != nil {
		t.Fatal(err)
	}
	text := s.text(phone, sender, "hello?")
	s.settle()
	all := s.Conversations()
	if len(all) != 1 {
		t.Fatalf("%d conversations, want the autocreated one", len(all))
	}
	ch := all[0]
	if ch.UniqueName != "" || ch.Attributes != "{}" || ch.MessagingServiceSID != messaging || ch.State != "active" {
		t.Errorf("autocreated %+v", ch)
	}
	if m := s.Messages(ch.SID); len(m) != 1 || m[0].SID != text.MessageSID || m[0].Body != "hello?" || m[0].Source != "SMS" {
		t.Errorf("messages %+v", m)
	}
	if diff := cmp.Diff([]string{"onConversationAdded", "onParticipantAdded", "onMessageAdded"}, rec.types()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	mb := s.Participants(ch.SID)[0].SID
	want := []url.Values{
		{
			"EventType": {"onConversationAdded"}, "ConversationSid": {ch.SID}, "DateCreated": {"2026-03-01T12:00:00.250Z"},
			"DateUpdated": {"2026-03-01T12:00:00.250Z"}, "FriendlyName": {""}, "UniqueName": {""}, "Attributes": {"{}"}, "State": {"active"},
			"MessagingServiceSid": {messaging}, "MessagingBinding.Address": {phone}, "MessagingBinding.ProxyAddress": {sender},
			"MessagingBinding.AuthorAddress": {phone},
		},
		{
			"EventType": {"onParticipantAdded"}, "ConversationSid": {ch.SID}, "ParticipantSid": {mb}, "DateCreated": {"2026-03-01T12:00:00.250Z"},
			"RoleSid": {""}, "Attributes": {"{}"}, "MessagingBinding.Type": {"SMS"}, "MessagingBinding.Address": {phone}, "MessagingBinding.ProxyAddress": {sender},
		},
	}
	for i, e := range want {
		for name, v := range map[string]string{"AccountSid": accountSID, "ChatServiceSid": s.ServiceSID(), "Source": "SMS", "RetryCount": "0"} {
			e.Set(name, v)
		}
		if diff := cmp.Diff(e, rec.events()[i]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", e.Get("EventType"), diff)
		}
	}
	if diff := cmp.Diff([]string{"onMessageAdded"}, scoped.types()); diff != "" {
		t.Errorf("scoped webhook (-want +got):\n%s", diff)
	}
	s.text(phone, sender, "again")
	if n := len(s.Conversations()); n != 1 {
		t.Errorf("second text made conversation %d", n)
	}
	// Our own add meets the autocreated conversation.
	_, err := s.api.CreateConversationParticipant(s.conversation("late"), binding(phone, sender))
	if codeOf(err) != 50416 || !strings.Contains(err.Error(), ch.SID) {
		t.Errorf("late add: %v, want 50416 naming %s", err, ch.SID)
	}
}

func TestInboundWakesInactive(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch := s.conversation("asleep")
	s.join(ch, phone, sender)
	if _, err := s.api.UpdateConversation(ch, (&conv.UpdateConversationParams{}).SetState("inactive")); err != nil {
		t.Fatal(err)
	}
	rec := s.listen(everything...)
	s.text(phone, sender, "wake up")
	s.settle()
	if c, _ := s.Conversation(ch); c.State != "active" {
		t.Errorf("state %s, want active", c.State)
	}
	if diff := cmp.Diff([]string{"onConversationStateUpdated", "onMessageAdded"}, rec.types()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestClassicWebhook(t *testing.T) {
	t.Parallel()
	rec := newRecorder(t)
	s := newSim(t, func(o *twiliosim.Options) { o.InboundSMS = map[string]string{sender: rec.URL + "/sms"} })
	s.join(s.conversation("classic"), phone, sender)
	inside := s.text(phone, sender, "in a conversation")
	s.text(phone2, sender, strings.Repeat("x", 161))
	s.text(phone, sender2, "to a sender without one")
	s.settle()
	got := map[string]url.Values{}
	for _, e := range rec.events() {
		got[e.Get("From")] = e
	}
	if len(rec.all()) != 2 || len(got) != 2 {
		t.Fatalf("classic webhooks: %v", rec.events())
	}
	e := got[phone]
	if e.Get("MessageSid") != inside.ID || e.Get("SmsSid") != inside.ID || e.Get("To") != sender || e.Get("Body") != "in a conversation" ||
		e.Get("NumSegments") != "1" || e.Has("EventType") || e.Has("OptOutType") {
		t.Errorf("classic webhook %v", e)
	}
	if n := got[phone2].Get("NumSegments"); n != "2" {
		t.Errorf("161 characters are %s segments, want 2", n)
	}
}

func TestTextIsRefused(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	tests := []struct{ name, from, to, body string }{
		{"not a sender", phone, "+15005559999", "x"},
		{"from a sender", sender2, sender, "x"},
		{"no number", "555", sender, "x"},
		{"other channel", "whatsapp:" + phone, sender, "x"},
		{"no body", phone, sender, ""},
		{"too long", phone, sender, strings.Repeat("x", 32<<10+1)},
	}
	for _, tt := range tests {
		if _, err := s.Handset(tt.from).Text(tt.to, tt.body); err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
	if n := len(s.Handsets()); n != 0 {
		t.Errorf("%d handsets exist after refused texts", n)
	}
}

// Wait gives each text once, in order, and ends with its context.
func TestWait(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch := s.conversation("wait")
	s.join(ch, phone, sender)
	h := s.Handset(phone)
	got := make(chan string)
	go func() {
		text, err := h.Wait(within(t), nil)
		if err != nil {
			t.Error(err)
		}
		got <- text.Body
	}()
	s.say(ch, "one")
	if body := <-got; body != "one" {
		t.Errorf("first wait got %q", body)
	}
	s.say(ch, "two")
	s.sayAndSettle(ch, "three")
	if text, err := h.Wait(within(t), nil); err != nil || text.Body != "two" {
		t.Errorf("second wait got %q %v, want two", text.Body, err)
	}
	if diff := cmp.Diff([]string{"three"}, bodies(s.Unexpected())); diff != "" {
		t.Errorf("unexpected (-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := h.Wait(ctx, func(x twiliosim.Text) bool { return x.Body == "four" }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait for what never comes: %v", err)
	}
}

func TestSettleWaitsForWebhooks(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	hook := newSlowHook(t)
	if _, err := s.api.UpdateConfigurationWebhook((&conv.UpdateConfigurationWebhookParams{}).
		SetFilters([]string{"onMessageAdded"}).SetPostWebhookUrl(hook.URL)); err != nil {
		t.Fatal(err)
	}
	s.join(s.conversation("slow"), phone, sender)
	s.text(phone, sender, "x")
	<-hook.arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Settle(ctx); err == nil || !strings.HasPrefix(err.Error(), "1 webhooks") {
		t.Errorf("settle with a webhook unanswered: %v", err)
	}
	close(hook.answer)
	s.settle()
	if log := s.Webhooks(); len(log) != 1 || log[0].Status != 204 {
		t.Errorf("webhook log %+v", log)
	}
}
