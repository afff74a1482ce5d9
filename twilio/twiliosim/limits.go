package twiliosim

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Limits are budgets that the API enforces, as Twilio does:
// https://www.twilio.com/docs/conversations-classic/conversations-limits. What
// goes over is answered 429 and not carried out. A budget of n a second lets n
// through at once and refills evenly (assumed; Twilio does not say how it
// measures). 0 is no limit.
type Limits struct {
	// CreatesPerSecond is for conversation creates and deletes of one service;
	// Twilio's is 30. Over: code 50063.
	CreatesPerSecond int
	// PerConversation is for conversation updates and for creating, changing and
	// deleting participants and messages of one conversation, a second; Twilio's
	// is 30. Over: code 50074 (assumed; the published codes do not name this case).
	PerConversation int
	// MaxConcurrent is for calls under way in the whole account, reads included.
	// Over: code 20429.
	MaxConcurrent int
	// RetryAfter, in whole seconds rounded up, is sent with every such answer;
	// 0: no such header. Twilio documents none.
	RetryAfter time.Duration
}

func (l Limits) check() error {
	if l.CreatesPerSecond < 0 || l.PerConversation < 0 || l.MaxConcurrent < 0 || l.RetryAfter < 0 {
		return errors.New("a negative limit")
	}
	return nil
}

// SetLimits replaces the limits; budgets start full. It returns an error, and
// changes nothing, if one is negative.
func (s *Server) SetLimits(l Limits) error {
	if err := l.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits, s.buckets = l, map[string]bucket{}
	return nil
}

// bucket is how full a budget is and when that was last worked out.
type bucket struct {
	left float64
	at   time.Time
}

// spend takes one action of a budget of perSecond if there is one left. The
// lock is held.
func (s *Server) spend(key string, perSecond int, now time.Time) bool {
	b, used := s.buckets[key]
	if !used {
		b = bucket{float64(perSecond), now}
	}
	refill := max(0, now.Sub(b.at).Seconds()) * float64(perSecond)
	b = bucket{min(float64(perSecond), b.left+refill), now}
	ok := b.left >= 1
	if ok {
		b.left--
	}
	s.buckets[key] = b
	return ok
}

// overLimit is the refusal of a call that goes over a budget, nil if it does
// not. It spends what the call costs.
func (c *call) overLimit() *apiError {
	s := c.s
	if s.limits.MaxConcurrent > 0 && s.traffic.underWay > s.limits.MaxConcurrent {
		return refusal(20429)
	}
	if c.route == RouteCreateConversation || c.route == RouteDeleteConversation {
		if s.limits.CreatesPerSecond > 0 && !s.spend(c.service, s.limits.CreatesPerSecond, c.now) {
			return refusal(50063)
		}
		s.traffic.action(c.service, c.now)
		return nil
	}
	if s.limits.PerConversation == 0 || !changesConversation(c.route) {
		return nil
	}
	conv, err := c.conversation()
	if err == nil && !s.spend(conv.SID, s.limits.PerConversation, c.now) {
		return refusal(50074)
	}
	return nil
}

func changesConversation(route string) bool {
	method, path, _ := strings.Cut(route, " /v1/Conversations/{ConversationSid}")
	return method != http.MethodGet && method != route &&
		(path == "" || strings.HasPrefix(path, "/Participants") || strings.HasPrefix(path, "/Messages"))
}

// retryAfter is the value of the header: whole seconds, rounded up.
func retryAfter(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}
