//go:build storm

package main

import (
	"slices"
	"testing"
	"time"

	"textme/twilio/twiliosim"
)

// Two replicas share the rates of creating conversations and of a sender's texts, and
// come to them: neither alone keeps them, and both together do not fall behind.
func TestStormRates(t *testing.T) {
	const creates, texts, n = 20, 10, 200 // a second, a second, sign-ups
	s := newStorm(t, func(opts *twiliosim.Options, env map[string]string) {
		withLedger(opts, env)
		env["CREATE_RATE"], env["SENDER_RATE"] = "20/1s", "10/1s"
	})
	s.signUps(n, n, time.Second)
	s.settled(settleTime)
	s.checkPromise()
	s.checkOracle()
	for _, c := range []struct {
		route string
		rate  int // a second
	}{{twiliosim.RouteCreateConversation, creates}, {twiliosim.RouteCreateMessage, texts}} {
		begun := s.begun(c.route)
		if len(begun) != n {
			t.Fatalf("%s: %d calls for %d sign-ups", c.route, len(begun), n)
		}
		busiest := 0
		for i, at := range begun {
			end, _ := slices.BinarySearchFunc(begun, at.Add(rateWindow), time.Time.Compare)
			busiest = max(busiest, end-i)
		}
		took := begun[n-1].Sub(begun[0])
		if most := c.rate * int((rateWindow+rateSlack)/time.Second); busiest > most {
			t.Errorf("%s: %d calls within %v, want %d at the most at a rate of %d a second", c.route, busiest, rateWindow, most, c.rate)
		}
		if least := time.Duration(n-1) * time.Second / time.Duration(c.rate); took < least-rateSlack || took > 2*least {
			t.Errorf("%s: %d calls took %v, want %v or a little more", c.route, n, took, least)
		}
		t.Logf("%s: %d calls in %v, at most %d within %v", c.route, n, took.Round(time.Millisecond), busiest, rateWindow)
	}
}

// A slot may be used a while late, on a busy machine too, so that the busiest second
// has some more. Over rateWindow that evens out but for rateSlack.
const (
	rateWindow = 5 * time.Second
	rateSlack  = time.Second
)

// begun is when each call of a route began, in order.
func (s *storm) begun(route string) (at []time.Time) {
	for _, e := range s.sim.Ledger() {
		if call, ok := e.Fact.(twiliosim.APICall); ok && call.Route == route {
			at = append(at, call.Started)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}
