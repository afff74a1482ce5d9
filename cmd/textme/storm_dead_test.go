//go:build storm

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// Row Q2: numbers at which every call goes wrong, or hangs, and which go on signing up,
// delay nobody else, also in a quiet hour, when hardly any other call is made. What
// became of them is told, and they get their text when Twilio has recovered.
func TestStormDeadNumbers(t *testing.T) {
	s := newStorm(t, withLedger)
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	usual := s.waitsOf(client, 0, quietPeople)

	dead := []chat.Phone{number(9001), number(9002), number(9003)}
	var phones []string
	for _, phone := range dead {
		phones = append(phones, string(phone))
	}
	must(t, s.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{Phones: phones, Faults: []twiliosim.Fault{
		{Kind: twiliosim.ServerError}, {Kind: twiliosim.Reset}, {Kind: twiliosim.Hang, Hang: shortHang},
	}}}}))
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			s.signUp(t.Context(), client, dead[i%len(dead)], fmt.Sprintf("signup-dead-%d", i))
			pause(100 * time.Millisecond)
		}
	}()
	pause(5 * time.Second) // without any call that goes well
	beside := s.waitsOf(client, quietPeople, quietPeople)
	close(stop)
	<-ended
	if most := max(2*usual, time.Second); beside > most {
		t.Errorf("beside %d dead numbers a sign-up took %v until its text, and before %v", len(dead), beside, usual)
	}
	must(t, s.sim.SetFaults(twiliosim.Faults{}))
	took := s.settled(faultyTime)
	s.checkPromise()
	t.Logf("p99 %v before, %v beside them; the dead numbers settled after %v; %v", usual, beside, took, s.sim.FaultCounts())
}

// quietPeople sign up one after another in a quiet hour.
const quietPeople = 20

// waitsOf has n people sign up, one after another, and returns how long their text
// took, but for one in a hundred.
func (s *storm) waitsOf(client *http.Client, first, n int) time.Duration {
	s.t.Helper()
	var waits []time.Duration
	for i := range n {
		phone, begin := number(first+i), time.Now()
		s.signUp(s.t.Context(), client, phone, fmt.Sprintf("signup-%d", first+i))
		ctx, cancel := context.WithTimeout(s.t.Context(), settleTime)
		_, err := s.sim.Handset(string(phone)).Wait(ctx, func(text twiliosim.Text) bool { return strings.HasPrefix(text.Body, welcomeText) })
		cancel()
		must(s.t, err)
		waits = append(waits, time.Since(begin))
		pause(time.Second)
	}
	slices.Sort(waits)
	return waits[len(waits)*99/100].Round(time.Millisecond)
}
