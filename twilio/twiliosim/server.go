// Package twiliosim is a stand-in for Twilio Conversations (v1, "classic") and
// for the phones of the people who are texted through it.
//
// A Server answers the HTTP API at /v1/… as conversations.twilio.com does:
// the same resources, state machine, pair rule, validation order, error codes
// and paging. It carries messages to simulated handsets, writes receipts, obeys
// STOP, routes texts from handsets to conversations (creating them where an
// address configuration says so) and posts signed webhooks. Everything else is
// answered 501 and remembered, so that a test can fail on it.
//
// It is written from Twilio's published documents and imports nothing of this
// project: a client and a simulator that share code would agree with each
// other's mistakes. Behaviour that Twilio does not publish is marked "assumed".
//
// Not simulated: pre-event webhooks (their URL is stored and returned, never
// called), users, roles, the Media service, content templates, group MMS, Studio and
// trigger webhooks. Rate limits hold only as far as Options.Limits sets them.
//
// For tests of what goes wrong there are, beside the well-behaved account: a
// seeded script of Faults in calls and webhooks, switches for outages that last
// (SetDown, RevokeCredentials, RefuseSender, …), a Console that does what other
// people do to the account, a Clock that tests advance, and Replay for captured
// webhooks. The Ledger keeps every change, text, webhook and call in order, and
// the Oracle sums it up per phone and sender: what a checker holds a service's
// own tables against.
package twiliosim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Server is one simulated Twilio account. It is an http.Handler for both the
// API and the phone page, and safe for concurrent use. Make one with New.
type Server struct {
	opts    Options
	handler http.Handler
	courier *courier
	closing chan struct{} // closed by Close; ends event streams
	once    sync.Once
	script  atomic.Pointer[script] // nil: nothing goes wrong
	token   atomic.Pointer[string] // the primary Auth Token

	knownRoutes []string // of routes()

	mu      sync.Mutex
	w       *world
	ids     *sidSource
	journal *os.File      // nil without Options.Journal
	changed chan struct{} // closed and replaced at every change
	pending int           // webhooks and deliveries not finished

	scheduled   int       // calls and webhooks that a fault has put off
	alarmAt     time.Time // of the Clock, for the next timer; zero: none set
	switches    switches
	limits      Limits
	buckets     map[string]bucket
	traffic     traffic
	faultCounts map[string]int
	ledger      []Entry

	calls   map[string]int
	unknown []string
	dropped []Text
	seen    map[string]bool // texts that Wait has returned
	scripts []Outcome       // for the next texts to any handset
}

// New starts a simulated account. With Options.Journal it first replays that
// file and then takes up deliveries that were cut short. It returns an error
// that names every bad option, or one about the journal. Call Close when done.
func New(opts Options) (*Server, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts:    opts,
		w:       newWorld(),
		closing: make(chan struct{}),
		changed: make(chan struct{}),
		calls:   map[string]int{},
		seen:    map[string]bool{},
		limits:  opts.Limits,
		buckets: map[string]bucket{},
		traffic: traffic{budgets: map[string]*budget{}},

		faultCounts: map[string]int{},
	}
	s.token.Store(&opts.AuthToken)
	if s.handler, err = s.routes(); err != nil {
		return nil, err
	}
	if err := errors.Join(s.SetFaults(opts.Faults), opts.Limits.check()); err != nil {
		return nil, err
	}
	if opts.Journal != "" {
		if s.journal, err = openJournal(opts.Journal, opts.AccountSID, s.w); err != nil {
			return nil, err
		}
	}
	s.ids = newSIDSource(opts.Seed, s.w.seq)
	s.courier = newCourier(s)
	s.settleIn()
	return s, nil
}

// settleIn gives a new account its singletons and resumes the deliveries that a
// killed process left half done.
func (s *Server) settleIn() {
	c := s.begin(fromTwilio)
	if s.w.account == nil {
		def := Service{SID: s.ids.next("IS"), Seq: s.w.nextSeq(), FriendlyName: "Default Conversations Service", Created: c.now, Updated: c.now}
		s.w.addService(&def)
		c.put(def)
		s.w.account = &account{SID: s.opts.AccountSID, DefaultServiceSID: def.SID, DefaultMessagingServiceSID: s.opts.MessagingServiceSID, Webhook: webhookConfig{Method: http.MethodPost}}
		if s.opts.MessagingServiceSID == "" && !s.opts.NoMessagingService {
			s.w.account.DefaultMessagingServiceSID = s.ids.next("MG")
		}
		c.put(*s.w.account)
	}
	c.resumeLegs()
	c.commit()
	c.release()
}

// ServeHTTP answers the API under /v1/ and the phone page everywhere else.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.handler.ServeHTTP(w, r)
}

// Close waits for what is in flight until ctx ends, drops the rest, and closes
// the journal. The Server must not be used afterwards. Calling it twice is
// safe; the second call does nothing.
func (s *Server) Close(ctx context.Context) error {
	s.once.Do(func() { close(s.closing) })
	err := s.Settle(ctx)
	s.courier.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.journal == nil {
		return err
	}
	if cerr := s.journal.Close(); cerr != nil && err == nil {
		err = fmt.Errorf("close journal: %w", cerr)
	}
	s.journal = nil
	return err
}
