package twiliosim

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// Options describe the simulated account. AccountSID, AuthToken and at least
// one sender are required; the zero value of the rest is a working default.
type Options struct {
	AccountSID   string // AC and 32 hex digits
	AuthToken    string // signs webhooks; twilio-go wants [a-zA-Z0-9] only
	APIKeySID    string // SK…; optional second way to sign in
	APIKeySecret string

	Senders             []string // numbers the account owns, E.164 (or with a channel: whatsapp:+1…)
	MessagingServiceSID string   // MG…, the default of conversations; empty: a random one
	NoMessagingService  bool     // no default Messaging Service: a create must name one, or adding a phone is 50373

	Seed   uint64       // of SIDs and parameter order; 0: a random seed
	Logger *slog.Logger // nil: nothing is logged
	// Now is the clock of all dates and timers; nil: time.Now. A timer that has
	// run out takes effect, and raises its webhook, with the next thing that
	// happens to the account or with Settle.
	Now func() time.Time
	// Clock, if set, takes the place of Now, and of real time wherever a fault
	// lets time pass. Its Advance runs out timers by itself.
	Clock *Clock
	// Journal is a file that keeps the world over restarts, kill -9 included;
	// empty: memory only. Webhooks under way and Server.Next are not kept. One
	// process at a time may use it.
	Journal string

	// DeliverTo replaces scheme and host of webhook URLs on delivery, never in
	// the signature: the way a tunnel or a proxy does. Empty: sent as configured.
	DeliverTo string
	// InboundSMS maps a sender to the URL of its classic inbound Messaging
	// webhook, which fires for every text to it, besides conversation events.
	InboundSMS map[string]string
	// WebhookWorkers deliver webhooks at the same time; the events of one
	// conversation stay in order. 0 means 4.
	WebhookWorkers int
	// ServiceScopeSkipsInbound reproduces a report that service webhooks do not
	// get onMessageAdded for texts from handsets while account webhooks do.
	ServiceScopeSkipsInbound bool

	// OptOutStatus is the receipt status of a text refused with 21610:
	// "undelivered" (also when empty) or "failed"; reports differ.
	OptOutStatus string
	// OptOutByMessagingService makes a STOP to one sender count for all of them.
	OptOutByMessagingService bool
	// IndexStep is the distance between message indexes; 0 means 1. Twilio's
	// indexes have gaps, and a larger step makes them certain.
	IndexStep int

	Faults Faults // what goes wrong from the start; see SetFaults
	Limits Limits // from the start; see SetLimits
	// Ledger keeps the record that Ledger and Oracle show. It grows with every
	// call and is in memory only.
	Ledger bool

	// Fault, if set, wraps every API call after it is counted: it may delay,
	// answer in the simulator's stead, or carry the call out and lose the answer
	// (run next on a recorder, then panic with http.ErrAbortHandler).
	Fault func(next http.Handler) http.Handler
}

var (
	accountSID   = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	messagingSID = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
)

func (o Options) withDefaults() (Options, error) {
	var bad []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Errorf(format, args...))
		}
	}
	check(accountSID.MatchString(o.AccountSID), "AccountSID %q is not AC and 32 hex digits", o.AccountSID)
	check(o.AuthToken != "", "AuthToken is empty: anyone could sign with it")
	check((o.APIKeySID == "") == (o.APIKeySecret == ""), "APIKeySID and APIKeySecret go together")
	check(o.MessagingServiceSID == "" || messagingSID.MatchString(o.MessagingServiceSID),
		"MessagingServiceSID %q is not MG and 32 hex digits", o.MessagingServiceSID)
	check(len(o.Senders) > 0, "no Senders")
	for _, n := range o.Senders {
		check(channelOf(n) != "", "sender %q is not an E.164 number", n)
	}
	for n, u := range o.InboundSMS {
		check(slices.Contains(o.Senders, n), "InboundSMS number %q is not a sender", n)
		check(absoluteURL(u), "InboundSMS URL %q is not absolute", u)
	}
	check(o.DeliverTo == "" || absoluteURL(o.DeliverTo), "DeliverTo %q is not an absolute URL", o.DeliverTo)
	check(slices.Contains([]string{"", statusUndelivered, statusFailed}, o.OptOutStatus), "OptOutStatus %q is unknown", o.OptOutStatus)
	check(o.IndexStep >= 0, "IndexStep %d is negative", o.IndexStep)
	check(o.WebhookWorkers >= 0, "WebhookWorkers %d is negative", o.WebhookWorkers)

	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	check(o.Now == nil || o.Clock == nil, "Now and Clock exclude each other")
	if o.Clock != nil {
		o.Now = o.Clock.Now
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.WebhookWorkers == 0 {
		o.WebhookWorkers = 4
	}
	if o.OptOutStatus == "" {
		o.OptOutStatus = statusUndelivered
	}
	if o.IndexStep == 0 {
		o.IndexStep = 1
	}
	return o, errors.Join(bad...)
}

func absoluteURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
