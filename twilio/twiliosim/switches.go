package twiliosim

import (
	"net/http"
	"slices"
)

// Down says how Twilio is down.
type Down int

// The API is up, or down in one of two ways.
const (
	Up               Down = iota
	DownUnavailable       // every call is answered 503 without a body
	DownDisconnected      // every connection is reset before anything is done
)

// switches are faults that stay until they are repaired.
type switches struct {
	down    Down
	revoked bool
	account int            // code
	senders map[string]int // codes
	phones  map[string]int
}

// SetDown takes the whole API down, or up again. Handsets and webhooks go on.
func (s *Server) SetDown(how Down) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches.down = how
}

// RevokeCredentials answers every call 401/20003, whatever it signs in with,
// until it is called with false.
func (s *Server) RevokeCredentials(revoked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches.revoked = revoked
}

// PromoteAuthToken makes token the account's primary Auth Token, as POST
// https://accounts.twilio.com/v1/AuthTokens/Promote does: from now on it signs
// webhooks, those still waiting included, and signs in; the old one does neither.
// API keys stay as they are.
func (s *Server) PromoteAuthToken(token string) { s.token.Store(&token) }

// RefuseAccount makes the account unable to work, until it is called with 0.
// A code in the 2000s (20003, 20403, 20005) refuses every call; 30000 to 39999
// (30002) is the carrier's and loses every text with that code; any other
// (50373, 50385, 21606, …) refuses what needs a phone: adding a participant
// with an address and posting to one.
func (s *Server) RefuseAccount(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.switches.account = code
}

// RefuseSender does the same to one of the senders (50413, 21606, 30034, …), but
// for the codes that refuse every call, which here refuse what needs a phone.
func (s *Server) RefuseSender(sender string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuseIn(&s.switches.senders, sender, code)
}

// RefuseNumber makes it impossible to add a phone, with any code (50407, 21608,
// …), until it is called with 0. For what its carrier says, see Handset.Always.
func (s *Server) RefuseNumber(phone string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuseIn(&s.switches.phones, phone, code)
}

func refuseIn(codes *map[string]int, number string, code int) {
	if code == 0 {
		delete(*codes, number)
		return
	}
	if *codes == nil {
		*codes = map[string]int{}
	}
	(*codes)[number] = code
}

// carriers tells codes that come on receipts from those that answer calls.
func carriers(code int) bool { return code >= 30000 && code < 40000 }

// refusedBySwitch is the code with which a switch refuses the call, 0 for none.
// The lock is held.
func (c *call) refusedBySwitch() int {
	sw := &c.s.switches
	if 20000 <= sw.account && sw.account < 21000 {
		return sw.account
	}
	var codes []int
	switch c.route {
	case RouteAddParticipant:
		if phone := c.form.Get("MessagingBinding.Address"); phone != "" {
			codes = []int{sw.account, sw.senders[c.form.Get("MessagingBinding.ProxyAddress")], sw.phones[phone]}
		}
	case RouteCreateMessage:
		conv, err := c.conversation()
		if err != nil {
			return 0 // which the call will find out by itself
		}
		for _, p := range conv.participants {
			if p.Address != "" {
				codes = append(codes, sw.account, sw.senders[p.ProxyAddress])
			}
		}
	}
	if i := slices.IndexFunc(codes, func(code int) bool { return code != 0 && !carriers(code) }); i >= 0 {
		return codes[i]
	}
	return 0
}

// lostBySwitch is the carrier's code with which a switch loses texts from
// sender, 0 for none. The lock is held.
func (s *Server) lostBySwitch(sender string) int {
	for _, code := range []int{s.switches.account, s.switches.senders[sender]} {
		if carriers(code) {
			return code
		}
	}
	return 0
}

// refusal is an answer with the code, in the status Twilio gives it where that
// is published.
func refusal(code int) *apiError {
	e := refuse(code, "Refused with code %d", code)
	switch code {
	case 20003:
		return unauthenticated()
	case 20005, 20403:
		e.status = http.StatusForbidden
	case 20404:
		e.status = http.StatusNotFound
	case 20429, 50063, 50074:
		e.status = http.StatusTooManyRequests
	case 20500:
		e.status = http.StatusInternalServerError
	case 20409, 50353, 50416, 50433, 50437:
		e.status = http.StatusConflict
	}
	return e
}
