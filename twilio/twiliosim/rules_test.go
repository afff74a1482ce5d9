package twiliosim_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

// do is a signed-in call without the SDK, for what the SDK cannot say.
func do(t *testing.T, h http.Handler, method, target, form string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form))
	r.SetBasicAuth(accountSID, authToken)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestConversationRules(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	closed := s.conversation("closed")
	if _, err := s.api.UpdateConversation(closed, (&conv.UpdateConversationParams{}).SetState("closed")); err != nil {
		t.Fatal(err)
	}
	open := s.conversation("open")
	create := func(p *conv.CreateConversationParams) error {
		_, err := s.api.CreateConversation(p)
		return err
	}
	update := func(sid string, p *conv.UpdateConversationParams) error {
		_, err := s.api.UpdateConversation(sid, p)
		return err
	}
	tests := []struct {
		name         string
		err          error
		code, status int
	}{
		{"name taken", create((&conv.CreateConversationParams{}).SetUniqueName("open")), 50353, 409},
		{"name taken by a closed one", create((&conv.CreateConversationParams{}).SetUniqueName("closed")), 50353, 409},
		{"name taken, on update", update(open, (&conv.UpdateConversationParams{}).SetUniqueName("closed")), 50353, 409},
		{"own name again", update(open, (&conv.UpdateConversationParams{}).SetUniqueName("open")), 0, 0},
		{"name like a SID", create((&conv.CreateConversationParams{}).SetUniqueName(open)), 50390, 400},
		{"created closed", create((&conv.CreateConversationParams{}).SetState("closed")), 50384, 400},
		{"created inactive", create((&conv.CreateConversationParams{}).SetState("inactive")), 0, 0},
		{"bad state", create((&conv.CreateConversationParams{}).SetState("asleep")), 50378, 400},
		{"closed is final", update(closed, (&conv.UpdateConversationParams{}).SetState("active")), 50377, 400},
		{"attributes no JSON", create((&conv.CreateConversationParams{}).SetAttributes("{")), 20001, 400},
		{"friendly name too long", create((&conv.CreateConversationParams{}).SetFriendlyName(strings.Repeat("x", 257))), 20001, 400},
		{"timer below the minimum", create((&conv.CreateConversationParams{}).SetTimersInactive("PT59S")), 50375, 400},
		{"timer no duration", create((&conv.CreateConversationParams{}).SetTimersClosed("an hour")), 50380, 400},
		{"unknown", update("nowhere", &conv.UpdateConversationParams{}), 20404, 404},
		{"Messaging Service no MG", create((&conv.CreateConversationParams{}).SetMessagingServiceSid("IS1")), 20001, 400},
	}
	for _, tt := range tests {
		if codeOf(tt.err) != tt.code || statusOf(tt.err) != tt.status || (tt.err == nil) != (tt.code == 0) {
			t.Errorf("%s: got %v, want code %d status %d", tt.name, tt.err, tt.code, tt.status)
		}
	}
	if err := s.api.DeleteConversation(closed, nil); err != nil {
		t.Errorf("delete closed: %v", err)
	}
	s.conversation("closed") // deletion frees the name
}

func TestParticipantRules(t *testing.T) {
	t.Parallel()
	s := newSim(t, func(o *twiliosim.Options) { o.NoMessagingService, o.MessagingServiceSID = true, "" })
	withMG := func(name string) string {
		c, err := s.api.CreateConversation((&conv.CreateConversationParams{}).SetUniqueName(name).SetMessagingServiceSid(messaging))
		if err != nil {
			t.Fatal(err)
		}
		return *c.Sid
	}
	ch, other, closed := withMG("here"), withMG("elsewhere"), withMG("closed")
	s.join(closed, "+15551110000", sender)
	if _, err := s.api.UpdateConversation(closed, (&conv.UpdateConversationParams{}).SetState("closed")); err != nil {
		t.Fatal(err)
	}
	s.join(ch, phone, sender)
	s.join(other, phone2, sender)
	noMG := s.conversation("no messaging service")
	full := withMG("full")
	for i := range 50 {
		s.join(full, "+155522200"+string(rune('0'+i/10))+string(rune('0'+i%10)), sender)
	}
	const at, px = "MessagingBinding.Address", "MessagingBinding.ProxyAddress"
	tests := []struct {
		name   string
		ch     string
		form   url.Values
		status int
		code   string
	}{
		{"unknown conversation", "CHnone", url.Values{}, 404, "20404"},
		{"closed, whatever else is wrong", closed, url.Values{}, 400, "50377"},
		{"nobody", ch, url.Values{}, 400, "20001"},
		{"proxy only", ch, url.Values{px: {sender}}, 400, "20001"},
		{"empty address", ch, url.Values{at: {""}, px: {""}}, 400, "50411"},
		{"empty proxy", ch, url.Values{at: {phone2}, px: {""}}, 400, "50412"},
		{"no proxy means group MMS", ch, url.Values{at: {phone2}}, 400, "50452"},
		{"no number", ch, url.Values{at: {"555-1234"}, px: {"x"}}, 400, "50407"},
		{"proxy no number", ch, url.Values{at: {phone2}, px: {"x"}}, 400, "50408"},
		{"both the same", ch, url.Values{at: {sender}, px: {sender}}, 400, "50409"},
		{"one of our senders as the phone", ch, url.Values{at: {sender2}, px: {sender}}, 400, "50407"},
		{"proxy not ours", ch, url.Values{at: {phone2}, px: {"+15005559999"}}, 400, "50413"},
		{"channels differ", ch, url.Values{at: {"whatsapp:" + phone2}, px: {sender}}, 400, "50414"},
		{"no Messaging Service", noMG, url.Values{at: {phone}, px: {sender}}, 400, "50373"},
		{"fifty already", full, url.Values{at: {phone}, px: {sender}}, 400, "50418"},
		{"pair is here already", ch, url.Values{at: {phone}, px: {sender}}, 409, "50437"},
		{"pair is elsewhere", ch, url.Values{at: {phone2}, px: {sender}}, 409, "50416"},
		{"same phone, other sender", ch, url.Values{at: {phone2}, px: {sender2}}, 201, ""},
		{"pair of a closed conversation is free", ch, url.Values{at: {"+15551110000"}, px: {sender}}, 201, ""},
		{"chat identity", ch, url.Values{"Identity": {"agent"}}, 201, ""},
		{"chat identity again", ch, url.Values{"Identity": {"agent"}}, 409, "50433"},
	}
	for _, tt := range tests {
		w := do(t, s, "POST", "/v1/Conversations/"+tt.ch+"/Participants", tt.form.Encode())
		if w.Code != tt.status || tt.code != "" && !strings.Contains(w.Body.String(), `"code":`+tt.code+`,`) {
			t.Errorf("%s: got %d %s, want %d with code %s", tt.name, w.Code, w.Body, tt.status, tt.code)
		}
	}
}

// The pair rule is account-wide and counts inactive conversations; the refusal
// names the conversation that holds the pair.
func TestPairRule(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		free func(s *sim, ch, mb string) error // what happens to the holder first
		held bool
	}{
		{"active holds", func(*sim, string, string) error { return nil }, true},
		{"inactive holds", func(s *sim, ch, _ string) error {
			_, err := s.api.UpdateConversation(ch, (&conv.UpdateConversationParams{}).SetState("inactive"))
			return err
		}, true},
		{"closing frees", func(s *sim, ch, _ string) error {
			_, err := s.api.UpdateConversation(ch, (&conv.UpdateConversationParams{}).SetState("closed"))
			return err
		}, false},
		{"deleting the conversation frees", func(s *sim, ch, _ string) error { return s.api.DeleteConversation(ch, nil) }, false},
		{"removing the participant frees", func(s *sim, ch, mb string) error {
			return s.api.DeleteConversationParticipant(ch, mb, nil)
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t)
			first := s.conversation("first")
			mb := s.join(first, phone, sender)
			if err := tt.free(s, first, mb); err != nil {
				t.Fatal(err)
			}
			is, err := s.api.CreateService((&conv.CreateServiceParams{}).SetFriendlyName("other service"))
			if err != nil {
				t.Fatal(err)
			}
			second, err := s.api.CreateServiceConversation(*is.Sid, &conv.CreateServiceConversationParams{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.api.CreateServiceConversationParticipant(*is.Sid, *second.Sid, (&conv.CreateServiceConversationParticipantParams{}).
				SetMessagingBindingAddress(phone).SetMessagingBindingProxyAddress(sender))
			if !tt.held {
				if err != nil {
					t.Errorf("pair is not free: %v", err)
				}
				return
			}
			if codeOf(err) != 50416 || statusOf(err) != 409 || !strings.Contains(err.Error(), "already exists in Conversation "+first) {
				t.Errorf("got %v, want 50416 naming %s", err, first)
			}
		})
	}
}

func TestMessageRules(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch := s.conversation("open")
	closed := s.conversation("closed")
	kept := s.say(closed, "before the end")
	if _, err := s.api.UpdateConversation(closed, (&conv.UpdateConversationParams{}).SetState("closed")); err != nil {
		t.Fatal(err)
	}
	post := func(ch string, p *conv.CreateConversationMessageParams) error {
		_, err := s.api.CreateConversationMessage(ch, p)
		return err
	}
	tests := []struct {
		name string
		err  error
		code int
	}{
		{"no body", post(ch, &conv.CreateConversationMessageParams{}), 50503},
		{"1600 characters", post(ch, (&conv.CreateConversationMessageParams{}).SetBody(strings.Repeat("é", 1600))), 0},
		{"1601 characters", post(ch, (&conv.CreateConversationMessageParams{}).SetBody(strings.Repeat("é", 1601))), 50504},
		{"closed", post(closed, (&conv.CreateConversationMessageParams{}).SetBody("x")), 50377},
		{"media nobody uploaded", post(ch, (&conv.CreateConversationMessageParams{}).SetMediaSid("ME1")), 50507},
		{"content nobody made", post(ch, (&conv.CreateConversationMessageParams{}).SetContentSid("HX1")), 21655},
		{"unknown conversation", post("CHnone", (&conv.CreateConversationMessageParams{}).SetBody("x")), 20404},
	}
	for _, tt := range tests {
		if codeOf(tt.err) != tt.code || (tt.err == nil) != (tt.code == 0) {
			t.Errorf("%s: got %v, want code %d", tt.name, tt.err, tt.code)
		}
	}
	if m, err := s.api.FetchConversationMessage(closed, kept); err != nil || *m.Body != "before the end" {
		t.Errorf("message of a closed conversation: %v %v", m, err)
	}
}

func TestTimers(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	rec := s.listen("onConversationStateUpdated")
	c, err := s.api.CreateConversation((&conv.CreateConversationParams{}).
		SetUniqueName("timed").SetTimersInactive("PT1M").SetTimersClosed("PT10M"))
	if err != nil {
		t.Fatal(err)
	}
	timers := (*c.Timers).(map[string]any)
	if timers["date_inactive"] != "2026-03-01T12:01:00Z" || timers["date_closed"] != "2026-03-01T12:10:00Z" {
		t.Errorf("timers %v", timers)
	}
	s.join(*c.Sid, phone, sender)
	expect := func(state string) {
		t.Helper()
		if c, _ := s.Conversation("timed"); c.State != state {
			t.Errorf("state %s, want %s", c.State, state)
		}
	}
	s.now.move(time.Minute)
	s.settle()
	expect("inactive")
	s.text(phone, sender, "still there?") // wakes it and restarts both timers
	expect("active")
	s.now.move(9 * time.Minute)
	s.settle()
	expect("inactive")
	s.now.move(time.Minute)
	s.settle()
	expect("closed")

	var got []string
	for _, e := range rec.events() {
		got = append(got, e.Get("StateFrom")+" "+e.Get("StateTo")+" "+e.Get("Reason"))
	}
	want := "active inactive TIMER, inactive active EVENT, active inactive TIMER, inactive closed TIMER"
	if strings.Join(got, ", ") != want {
		t.Errorf("state events %v, want %s", got, want)
	}
}
