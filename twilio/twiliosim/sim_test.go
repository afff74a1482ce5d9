package twiliosim_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/twilio/twilio-go/client"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/twilio/twiliosim"
)

const (
	accountSID = "AC00000000000000000000000000000001"
	authToken  = "0123456789abcdef0123456789abcdef"
	keySID     = "SK00000000000000000000000000000002"
	keySecret  = "secretofthekey"
	messaging  = "MG00000000000000000000000000000003"
	sender     = "+15005550006"
	sender2    = "+15005550007"
	phone      = "+15558675310"
	phone2     = "+15558675311"
)

// sim is a simulator behind a real HTTP server, with the official SDK in front.
type sim struct {
	*twiliosim.Server
	t    *testing.T
	api  *conv.ApiService
	http *httptest.Server
	now  *clock
}

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newSim(t *testing.T, change ...func(*twiliosim.Options)) *sim {
	t.Helper()
	now := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC)}
	opts := twiliosim.Options{
		AccountSID: accountSID, AuthToken: authToken, APIKeySID: keySID, APIKeySecret: keySecret,
		Senders: []string{sender, sender2}, MessagingServiceSID: messaging, Seed: 1, Now: now.Now,
	}
	for _, f := range change {
		f(&opts)
	}
	s, err := twiliosim.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		srv.Close()
		if err := s.Close(within(t)); err != nil {
			t.Errorf("close: %v", err)
		}
		for _, route := range s.Unknown() {
			t.Errorf("unknown route called: %s", route)
		}
	})
	return &sim{Server: s, t: t, http: srv, now: now, api: sdk(t, srv.URL, accountSID, authToken)}
}

// rewrite sends the SDK's requests to the simulator instead of Twilio.
type rewrite struct{ base *url.URL }

func (t rewrite) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.Clone(r.Context())
	q.URL.Scheme, q.URL.Host, q.Host = t.base.Scheme, t.base.Host, ""
	return http.DefaultTransport.RoundTrip(q)
}

func sdk(t *testing.T, base, user, password string) *conv.ApiService {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return conv.NewApiServiceWithClient(&client.Client{
		Credentials: client.NewCredentials(user, password),
		HTTPClient:  &http.Client{Transport: rewrite{u}, Timeout: 10 * time.Second},
	})
}

// within bounds every wait of a test; reaching it is a failure.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (s *sim) settle() {
	s.t.Helper()
	if err := s.Settle(within(s.t)); err != nil {
		s.t.Fatal(err)
	}
}

// conversation makes one with the given unique name and returns its SID.
func (s *sim) conversation(name string) string {
	s.t.Helper()
	c, err := s.api.CreateConversation((&conv.CreateConversationParams{}).SetUniqueName(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return *c.Sid
}

// join adds phone through sender and returns the participant's SID.
func (s *sim) join(ch, phone, sender string) string {
	s.t.Helper()
	p, err := s.api.CreateConversationParticipant(ch, binding(phone, sender))
	if err != nil {
		s.t.Fatal(err)
	}
	return *p.Sid
}

func binding(phone, sender string) *conv.CreateConversationParticipantParams {
	return (&conv.CreateConversationParticipantParams{}).SetMessagingBindingAddress(phone).SetMessagingBindingProxyAddress(sender)
}

// say posts a message and returns its SID.
func (s *sim) say(ch, body string) string {
	s.t.Helper()
	m, err := s.api.CreateConversationMessage(ch, (&conv.CreateConversationMessageParams{}).SetBody(body))
	if err != nil {
		s.t.Fatal(err)
	}
	return *m.Sid
}

func (s *sim) sayErr(ch, body string) error {
	_, err := s.api.CreateConversationMessage(ch, (&conv.CreateConversationMessageParams{}).SetBody(body))
	return err
}

// text sends from a handset.
func (s *sim) text(phone, sender, body string) twiliosim.Text {
	s.t.Helper()
	text, err := s.Handset(phone).Text(sender, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func bodies(texts []twiliosim.Text) []string {
	out := []string{}
	for _, t := range texts {
		out = append(out, t.Body)
	}
	return out
}

// codeOf is the Twilio code of an SDK error, 0 for none or another error.
func codeOf(err error) int {
	var e *client.TwilioRestError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func statusOf(err error) int {
	var e *client.TwilioRestError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// deref is *p, or the zero value of a nil p.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
