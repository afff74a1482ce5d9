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
// delay nobody else, also in a quiet hour, when hardly any other call is made. Those for
// which Twilio asks everybody to wait delay others as long as it asks to, and now and
// then. What became of them is told, and they get their text when Twilio has recovered.
func TestStormDeadNumbers(t *testing.T) {
	s := newStorm(t, func(opts *twiliosim.Options, env map[string]string) {
		withLedger(opts, env)
		delete(env, "CREATE_RATE") // as ever: who waits must not be waited for
	})
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	usual := s.waitsOf(client, 0, quietPeople)
	for i, c := range []struct {
		name   string
		faults []twiliosim.Fault
		people int           // beside them
		most   time.Duration // that these wait
	}{
		{"no answers", []twiliosim.Fault{{Kind: twiliosim.ServerError}, {Kind: twiliosim.Reset}, {Kind: twiliosim.Hang, Hang: shortHang}}, quietPeople, max(2*usual, time.Second)},
		{"waits for all", []twiliosim.Fault{{Kind: twiliosim.BusyService, RetryAfter: time.Second}}, quietPeople / 2, 20 * time.Second},
	} {
		dead := []chat.Phone{number(9000 + 3*i), number(9001 + 3*i), number(9002 + 3*i)}
		var phones []string
		for _, phone := range dead {
			phones = append(phones, string(phone))
		}
		must(t, s.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{Phones: phones, Faults: c.faults}}}))
		stop := s.signUpOnAndOn(client, dead)
		pause(5 * time.Second) // without any call that goes well
		beside := s.waitsOf(client, (i+1)*quietPeople, c.people)
		stop()
		if beside > c.most {
			t.Errorf("%s: beside %d dead numbers a sign-up took %v until its text, and before %v; want %v at most", c.name, len(dead), beside, usual, c.most)
		}
		must(t, s.sim.SetFaults(twiliosim.Faults{}))
		took := s.settled(faultyTime)
		s.checkPromise()
		t.Logf("%s: p99 %v before, %v beside them; the dead numbers settled after %v; %v", c.name, usual, beside, took, s.sim.FaultCounts())
	}
}

// signUpOnAndOn has the numbers sign up again and again, ten times a second, until it
// is stopped.
func (s *storm) signUpOnAndOn(client *http.Client, phones []chat.Phone) (stop func()) {
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-stopped:
				return
			default:
			}
			phone := phones[i%len(phones)]
			s.signUp(s.t.Context(), client, phone, fmt.Sprintf("signup-%s-%d", strings.TrimPrefix(string(phone), "+"), i))
			pause(100 * time.Millisecond)
		}
	}()
	return func() {
		close(stopped)
		<-ended
	}
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
