package twiliosim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// script is Faults at work: it counts attempts and decides.
type script struct {
	Faults
	early bool // some rule plays WebhookEarly

	mu       sync.Mutex
	attempts map[string]int
	played   map[*Rule]int
}

// newScript returns nil, no script at all, if f has no rules. seed stands in
// for a Faults.Seed of 0.
func newScript(f Faults, seed uint64) *script {
	if len(f.Calls) == 0 && len(f.Webhooks) == 0 {
		return nil
	}
	if f.Seed == 0 {
		f.Seed = seed
	}
	sc := &script{Faults: f, attempts: map[string]int{}, played: map[*Rule]int{}}
	sc.Calls, sc.Webhooks = slices.Clone(f.Calls), slices.Clone(f.Webhooks)
	for _, r := range f.Webhooks {
		sc.early = sc.early || slices.ContainsFunc(r.Faults, func(f Fault) bool { return f.Kind == WebhookEarly })
	}
	return sc
}

// subject is what a call or a webhook is about, as far as that is known.
type subject struct {
	phone, sender string
	name          string // of the conversation: UniqueName, else SID
	detail        string // what tells two calls or webhooks of one route or event apart
}

// key is the subject's identity, the same in every run of the same caller.
func (s subject) key() string {
	who := s.phone + " " + s.sender
	if s.phone == "" {
		who = s.name
	}
	return who + "\n" + s.detail
}

// subjectOf says what a call is about. The lock is held.
func (s *Server) subjectOf(r *http.Request, form url.Values) subject {
	about := subject{
		phone: form.Get("MessagingBinding.Address"), sender: form.Get("MessagingBinding.ProxyAddress"),
		name: form.Get("UniqueName"), detail: form.Get("Body"),
	}
	if about.phone == "" {
		about.phone = form.Get("Address")
	}
	id := r.PathValue("ConversationSid")
	if id == "" {
		return about
	}
	conv := s.w.bySID[id]
	if conv == nil {
		service := r.PathValue("ChatServiceSid")
		if service == "" {
			service = s.w.account.DefaultServiceSID
		}
		conv = s.w.find(service, id)
	}
	if conv == nil {
		about.name = id
		return about
	}
	return conv.about(about)
}

// about names the conversation and, unless that is already known, its one
// phone; a conversation with several is about none.
func (conv *conversation) about(known subject) subject {
	known.name = conv.UniqueName
	if known.name == "" {
		known.name = conv.SID
	}
	if known.phone != "" {
		return known
	}
	for _, p := range conv.participants {
		switch {
		case p.Address == "":
		case known.phone != "":
			known.phone, known.sender = "", ""
			return known
		default:
			known.phone, known.sender = p.Address, p.ProxyAddress
		}
	}
	return known
}

// strike is one fault that is to be played, with the chance draws that are left
// for playing it.
type strike struct {
	Fault
	rng *rand.Rand
}

// call decides about one call; nil: it goes well.
func (sc *script) call(route string, about subject) *strike {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	n := sc.attempt(route, about)
	for i := range sc.Calls {
		if f := sc.decide(&sc.Calls[i], i, route, about, n); f != nil {
			return f
		}
	}
	return nil
}

// webhook decides about one webhook: all that is to be played on it.
func (sc *script) webhook(event string, about subject) []*strike {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	var out []*strike
	n := sc.attempt(event, about)
	for i := range sc.Webhooks {
		if f := sc.decide(&sc.Webhooks[i], i, event, about, n); f != nil {
			out = append(out, f)
		}
	}
	return out
}

// attempt counts from 1.
func (sc *script) attempt(place string, about subject) int {
	key := place + "\n" + about.key()
	sc.attempts[key]++
	return sc.attempts[key]
}

func (sc *script) decide(r *Rule, index int, place string, about subject, attempt int) *strike {
	if !r.applies(place, about, attempt) || r.Limit > 0 && sc.played[r] >= r.Limit {
		return nil
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d\n%s\n%s\n%d", index, place, about.key(), attempt) // never fails
	rng := rand.New(rand.NewPCG(sc.Seed, h.Sum64()))
	if r.Chance > 0 && rng.Float64() >= r.Chance {
		return nil
	}
	f := r.Faults[rng.IntN(len(r.Faults))]
	if (f.Kind == TextBefore || f.Kind == TextAfter) && (about.phone == "" || about.sender == "") {
		return nil // nobody is there to write
	}
	sc.played[r]++
	return &strike{Fault: f, rng: rng}
}

func (r *Rule) applies(place string, about subject, attempt int) bool {
	method, _, _ := strings.Cut(place, " ")
	return (len(r.On) == 0 || slices.Contains(r.On, place) || slices.Contains(r.On, method)) &&
		(len(r.Phones) == 0 || slices.Contains(r.Phones, about.phone)) &&
		(len(r.Senders) == 0 || slices.Contains(r.Senders, about.sender)) &&
		(r.First == 0 || attempt <= r.First) &&
		(r.Every == 0 || attempt%r.Every == 0)
}
