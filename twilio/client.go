// Package twilio is our side of Twilio: the calls we make to its Conversations
// API (v1, "classic") and the webhooks it makes to us. It is the only importer
// of the SDK, whose types never leave it; the rest of the program knows
// chat.Twilio, chat.Event and chat.TwilioError.
//
// A Client makes the calls. The SDK builds and signs each request, but it knows
// no context, no time limit per call, no Retry-After and no end to a body, so
// every request goes through an exchange of ours, which does. Every answer is
// checked before it is believed, and an error says whether the call may have
// been carried out.
//
// A Verifier tells Twilio's webhooks from forgeries, and Webhooks turns them
// into events under keys that make a repetition harmless.
package twilio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"sync/atomic"
	"time"

	sdk "github.com/twilio/twilio-go/client"
	conversations "github.com/twilio/twilio-go/rest/conversations/v1"

	"textme/chat"
)

// Config is the account a Client acts for. AccountSID is required, and either
// AuthToken or the pair of APIKeySID and APIKeySecret, which comes first when
// both are there. The zero value of the rest is a working default.
type Config struct {
	AccountSID   string // AC…
	AuthToken    string
	APIKeySID    string // SK…
	APIKeySecret string

	ServiceSID          string // IS…, the Conversation Service to act in; "": the account's default
	MessagingServiceSID string // MG…, given to every new conversation; "": the service's default

	// Edge and Region choose Twilio's ingress and data region, as TWILIO_EDGE
	// and TWILIO_REGION do for the SDK; an edge alone means region us1. This
	// package reads no environment.
	Edge, Region string
	// BaseURL replaces Twilio by a simulator. Credentials go there, so it must
	// be on loopback, and Edge and Region must be empty.
	BaseURL string

	// Timeout bounds each request from dialling to the last byte of the
	// answer; 0 means 4 s. The caller's context bounds the call as a whole.
	Timeout time.Duration
	Logger  *slog.Logger // each call at debug level, without numbers and texts; nil: none
	Observe Observe      // nil: nobody is told
	Hold    Hold         // what replicas share; nil: this one is alone
}

// Observe is told of every call that was made, by its name, such as "create
// message": the HTTP status, 0 when there was no answer, and Twilio's error
// code, 0 when there was none. It must be quick and safe for concurrent use.
type Observe func(op string, status, code int, took time.Duration)

// defaultTimeout leaves a job of 20 s room for some calls one after another.
const defaultTimeout = 4 * time.Second

// Client makes calls to one Twilio account. It implements chat.Twilio and is
// safe for concurrent use. Make one with New.
type Client struct {
	credentials         *sdk.Credentials
	base                *url.URL
	media               *url.URL // of the Media service
	serviceSID          string
	messagingServiceSID string
	timeout             time.Duration
	log                 *slog.Logger
	observe             Observe
	transport           *http.Transport
	capacity            *capacity
	hold                *sharedHold
}

var _ chat.Twilio = (*Client)(nil)

// New makes a client; nothing is called yet. It returns one error that names
// every bad setting and quotes no secret.
func New(cfg Config) (*Client, error) {
	base, err := baseURL(cfg)
	bad := append(checkCredentials(cfg), err)
	if cfg.ServiceSID != "" && !servicePattern.MatchString(cfg.ServiceSID) {
		bad = append(bad, errors.New("the service SID is not IS and 32 hex digits"))
	}
	if cfg.MessagingServiceSID != "" && !messagingPattern.MatchString(cfg.MessagingServiceSID) {
		bad = append(bad, errors.New("the messaging service SID is not MG and 32 hex digits"))
	}
	if err := errors.Join(bad...); err != nil {
		return nil, fmt.Errorf("twilio client: %w", err)
	}
	c := &Client{
		credentials:         sdk.NewCredentials(cfg.AccountSID, cfg.AuthToken),
		base:                base,
		media:               mediaURL(cfg, base),
		serviceSID:          cfg.ServiceSID,
		messagingServiceSID: cfg.MessagingServiceSID,
		timeout:             cfg.Timeout,
		log:                 cfg.Logger,
		observe:             cfg.Observe,
		transport:           newTransport(),
		capacity:            newCapacity(time.Now),
		hold:                newSharedHold(cfg.Hold, time.Now),
	}
	if cfg.APIKeySID != "" {
		c.credentials = sdk.NewCredentials(cfg.APIKeySID, cfg.APIKeySecret)
	}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.observe == nil {
		c.observe = func(string, int, int, time.Duration) {}
	}
	return c, nil
}

// Close gives up idle connections. The client may be used afterwards.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

var (
	keyPattern           = regexp.MustCompile(`^SK[0-9a-fA-F]{32}$`)
	servicePattern       = regexp.MustCompile(`^IS[0-9a-fA-F]{32}$`)
	messagingPattern     = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
	configurationPattern = regexp.MustCompile(`^IG[0-9a-fA-F]{32}$`)
	labelPattern         = regexp.MustCompile(`^[a-z0-9-]*$`)
)

// checkCredentials also refuses what the SDK would refuse at every call: it
// wants letters and digits only.
func checkCredentials(cfg Config) []error {
	var bad []error
	if !accountPattern.MatchString(cfg.AccountSID) {
		bad = append(bad, errors.New("the account SID is not AC and 32 hex digits"))
	}
	switch {
	case cfg.APIKeySID == "" && cfg.APIKeySecret == "":
		if !tokenPattern.MatchString(cfg.AuthToken) {
			bad = append(bad, errors.New("the auth token is empty or holds characters other than letters and digits"))
		}
	case !keyPattern.MatchString(cfg.APIKeySID):
		bad = append(bad, errors.New("the API key SID is not SK and 32 hex digits"))
	case !tokenPattern.MatchString(cfg.APIKeySecret):
		bad = append(bad, errors.New("the API key secret is empty or holds characters other than letters and digits"))
	}
	return bad
}

// apiHost is where the SDK addresses its requests, numbersHost where the API
// of phone numbers is, and messagingHost that of Messaging Services. A simulator
// stands for all of them.
const (
	apiHost       = "conversations.twilio.com"
	numbersHost   = "api.twilio.com"
	messagingHost = "messaging.twilio.com"
)

func baseURL(cfg Config) (*url.URL, error) {
	if cfg.BaseURL == "" {
		return regionalURL(cfg.Edge, cfg.Region)
	}
	u, err := url.Parse(cfg.BaseURL)
	switch {
	case err != nil:
		return nil, errors.New("the base URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https", !isLoopback(u.Hostname()):
		return nil, errors.New("the base URL is not http or https on loopback")
	case u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("the base URL is more than scheme, host and port")
	case cfg.Edge != "" || cfg.Region != "":
		return nil, errors.New("a base URL goes with neither edge nor region")
	}
	return u, nil
}

// regionalURL is the API's address in a region
// (https://www.twilio.com/docs/global-infrastructure/using-the-twilio-rest-api-in-a-non-us-region).
func regionalURL(edge, region string) (*url.URL, error) {
	if !labelPattern.MatchString(edge) || !labelPattern.MatchString(region) {
		return nil, errors.New("edge and region are small letters, digits and hyphens")
	}
	host := "conversations"
	if edge != "" {
		host += "." + edge
		if region == "" {
			region = "us1"
		}
	}
	if region != "" {
		host += "." + region
	}
	return &url.URL{Scheme: "https", Host: host + ".twilio.com"}, nil
}

// newTransport bounds what one client holds open. Dialling gets half of the
// default time of a call, so that a dead address leaves time to say so.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: defaultTimeout / 2, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    defaultTimeout / 2,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    32,
		MaxConnsPerHost:        64,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// call makes one request through the SDK, once the budget of ctx and the capacity
// allow it and no replica was asked to wait. What do returns is the error, so that it also
// checks the answer. A write changes something at Twilio.
func (c *Client) call(ctx context.Context, op string, write bool, do func(*conversations.ApiService) error) (err error) {
	if err := chat.Spend(ctx); err != nil {
		return fmt.Errorf("twilio: %s: wait for the budget: %w", op, err)
	}
	s, ok := reserved(ctx)
	if !ok {
		if s, err = c.enter(ctx, op); err != nil {
			return err
		}
	}
	start := time.Now()
	status, te := c.exchange(ctx, s, op, write, do)
	took := time.Since(start)
	attrs := []slog.Attr{slog.String("op", op), slog.Int("status", status), slog.Duration("duration", took)}
	if te == nil {
		c.observe(op, status, 0, took)
		c.log.LogAttrs(ctx, slog.LevelDebug, "twilio call", attrs...)
		return nil
	}
	if te.RetryAfter >= longHold {
		c.log.WarnContext(ctx, "twilio asked to wait; nothing is sent until then", "op", op, "status", status, "retry_after", te.RetryAfter)
	}
	if err := c.hold.tell(ctx, te); err != nil {
		c.log.WarnContext(ctx, "other replicas do not know that twilio asked to wait", "err", err)
	}
	c.observe(op, status, te.Code, took)
	c.log.LogAttrs(ctx, slog.LevelDebug, "twilio call", append(attrs, slog.Int("code", te.Code), slog.Any("err", te.Err))...)
	return te
}

// longHold is a Retry-After that operators want to know of.
const longHold = time.Minute

// exchange makes the request of a call and learns from how it went, so that no
// other call begins that its answer forbids.
func (c *Client) exchange(ctx context.Context, s slot, op string, write bool, do func(*conversations.ApiService) error) (status int, te *chat.TwilioError) {
	defer func() { c.capacity.leave(ctx, s, te) }() // with the caller's context: the call's own is over by then
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	x := newExchange(limited, c)
	if err := do(conversations.NewApiService(&sdk.RequestHandler{Client: x})); err != nil {
		te = x.explain(op, write, err)
	}
	return x.status, te
}

// enter waits until a call may begin. It returns an error at once if that is
// farther away than a slot of the capacity.
func (c *Client) enter(ctx context.Context, op string) (slot, error) {
	s, wait, err := c.capacity.enter(ctx)
	if err != nil {
		return 0, &chat.TwilioError{Op: op, RetryAfter: wait, Alone: errors.Is(err, errRest), Err: err}
	}
	wait, err = c.hold.wait(ctx)
	if err == nil && wait <= 0 {
		return s, nil
	}
	c.capacity.giveBack(s)
	if err != nil {
		return 0, fmt.Errorf("twilio: %s: ask how long to wait: %w", op, err)
	}
	return 0, &chat.TwilioError{Op: op, RetryAfter: wait, Err: errHeld}
}

// reservation is the right to make one call.
type reservation struct {
	slot slot
	used atomic.Bool
}

type reservationKey struct{}

// reserved takes the right to a call that ctx may bring along.
func reserved(ctx context.Context) (s slot, ok bool) {
	r, ok := ctx.Value(reservationKey{}).(*reservation)
	if !ok || r.used.Swap(true) {
		return 0, false
	}
	return r.slot, true
}

// Reserve waits, as a call does, until one may begin, and returns a context with
// which the next call begins at once. release gives the right back; after that
// call it does nothing.
func (c *Client) Reserve(ctx context.Context) (_ context.Context, release func(), err error) {
	s, err := c.enter(ctx, "wait for a call")
	if err != nil {
		return nil, nil, err
	}
	r := &reservation{slot: s}
	release = func() {
		if !r.used.Swap(true) {
			c.capacity.giveBack(s)
		}
	}
	return context.WithValue(ctx, reservationKey{}, r), release, nil
}
