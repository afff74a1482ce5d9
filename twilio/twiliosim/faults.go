package twiliosim

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Faults is a script of what goes wrong. It is a value: to change a running
// Server give it another one with SetFaults.
//
// Whether a rule strikes is decided by Seed and by what the call or webhook is,
// never by when it arrives or by what else is under way. What a call is: its
// route; the phone and sender it is about (or, if that is not one pair, the
// UniqueName or SID of the conversation it names); the body of its message; and
// the number of attempts there have been at just that. What a webhook is: its
// event, scope, phone and sender, message index, status, and the number of times
// there has been just that. So one seed gives one run, concurrency or not, as far
// as the caller does the same; one that names its conversations at random meets
// the same share of faults in other places. Rule.Limit is the exception: it
// counts arrivals.
type Faults struct {
	Seed     uint64 // 0: Options.Seed
	Calls    []Rule // the first that strikes is played, the others are not asked
	Webhooks []Rule // all that strike are played, in this order
}

// Rule says where and when one of its Faults is played. Its empty parts do not
// narrow it.
type Rule struct {
	// On lists routes as Calls names them, without the service's part
	// (RouteCreateMessage and its like), or HTTP methods; in Faults.Webhooks
	// event types, and Classic for the classic inbound webhook.
	On      []string
	Phones  []string // about one of these handsets
	Senders []string // through one of these senders

	Chance float64 // 0 < Chance <= 1 at every attempt; 0 means 1: always
	First  int     // only the first n attempts at the same thing; 0: no bound
	Every  int     // only every nth attempt at the same thing; 0 means 1
	Limit  int     // only n times in all, whoever comes first; 0: no bound

	Faults []Fault // one of them is played, each as likely as the others
}

// Fault is one way to go wrong. The zero value of all but Kind is a default.
type Fault struct {
	Kind       Kind
	Code       int           // of a Refusal: any of https://www.twilio.com/docs/api/errors
	RetryAfter time.Duration // sent as Retry-After in whole seconds, rounded up; 0: not sent
	// Hang is how long a caller who does not give up is kept waiting by Hang,
	// SlowAnswer and LateCommit; 0 means 12 s. It passes by the Server's clock.
	Hang time.Duration
	// Delay is how long after a caller gave up LateCommit carries the call out;
	// for WebhookDelayed the longest delay, 0 meaning 60 s.
	Delay  time.Duration
	Copies int    // how many more times WebhookRepeated and WebhookRetried deliver; 0 means 1
	Size   int    // of the body of LargeError, in bytes at least; 0 means 1 MiB
	Body   string // what the handset says in TextBefore and TextAfter; empty: "Hello"
}

// Routes that storms aim at. Any other that Calls names is as good.
const (
	RouteCreateConversation = "POST /v1/Conversations"
	RouteFetchConversation  = "GET /v1/Conversations/{ConversationSid}"
	RouteDeleteConversation = "DELETE /v1/Conversations/{ConversationSid}"
	RouteAddParticipant     = "POST /v1/Conversations/{ConversationSid}/Participants"
	RouteListParticipants   = "GET /v1/Conversations/{ConversationSid}/Participants"
	RouteCreateMessage      = "POST /v1/Conversations/{ConversationSid}/Messages"
	RouteListMessages       = "GET /v1/Conversations/{ConversationSid}/Messages"
	RouteFindConversations  = "GET /v1/ParticipantConversations"
)

// Classic stands for the classic inbound webhook in Rule.On.
const Classic = "sms"

// SetFaults replaces the script; the zero Faults end it. Attempts and what
// Rule.Limit counts begin again, FaultCounts go on, and what is under way goes
// on as it began. It returns an error, and changes nothing, if the script cannot mean
// what it says: an unknown route, event or kind, a Chance outside 0 to 1, a
// Refusal without Code, a rule without Faults.
func (s *Server) SetFaults(f Faults) error {
	if err := f.check(s.knownRoutes); err != nil {
		return err
	}
	s.script.Store(newScript(f, s.opts.Seed))
	return nil
}

// FaultCounts says how many faults of each kind have been played so far, by
// kind; a Refusal counts as "refusal 50407" by its code. Switches like SetDown
// and Limits count too.
func (s *Server) FaultCounts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.faultCounts)
}

func (f Faults) check(routes []string) error {
	var bad []error
	places := slices.Concat(routes, []string{http.MethodGet, http.MethodPost, http.MethodDelete})
	events := slices.Concat(eventNames, []string{Classic})
	for i, r := range f.Calls {
		if err := r.check(places, callKinds); err != nil {
			bad = append(bad, fmt.Errorf("call rule %d: %w", i, err))
		}
	}
	for i, r := range f.Webhooks {
		if err := r.check(events, webhookKinds); err != nil {
			bad = append(bad, fmt.Errorf("webhook rule %d: %w", i, err))
		}
	}
	return errors.Join(bad...)
}

func (r Rule) check(places []string, kinds []Kind) error {
	for _, on := range r.On {
		if !slices.Contains(places, on) {
			return fmt.Errorf("nothing is called %q", on)
		}
	}
	switch {
	case !(r.Chance >= 0 && r.Chance <= 1):
		return fmt.Errorf("a chance of %v", r.Chance)
	case r.First < 0 || r.Every < 0 || r.Limit < 0:
		return errors.New("a negative count")
	case len(r.Faults) == 0:
		return errors.New("no faults")
	}
	for _, f := range r.Faults {
		switch {
		case !slices.Contains(kinds, f.Kind):
			return fmt.Errorf("no fault %q here", f.Kind)
		case (f.Kind == Refusal) != (f.Code != 0):
			return fmt.Errorf("fault %q with code %d", f.Kind, f.Code)
		case f.RetryAfter < 0 || f.Hang < 0 || f.Delay < 0 || f.Copies < 0 || f.Size < 0:
			return fmt.Errorf("fault %q with something negative", f.Kind)
		}
	}
	return nil
}
