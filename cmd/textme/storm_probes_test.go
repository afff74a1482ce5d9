//go:build storm

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// Row T6: after the repair one probe ends a pause, also while ten numbers a second
// sign up at which every call goes wrong, or which Twilio refuses, and which are
// awake when the probe falls due.
func TestStormProbes(t *testing.T) {
	const others = 600
	var some []string
	for i := range others {
		some = append(some, string(number(9001+i)))
	}
	dead := twiliosim.Faults{Calls: []twiliosim.Rule{{Phones: some[:3], Faults: []twiliosim.Fault{{Kind: twiliosim.ServerError}}}}}
	for name, c := range map[string]struct {
		sender bool // not the account is paused
		faults twiliosim.Faults
		refuse int
		phones []string
	}{
		"the account beside dead numbers":    {faults: dead, phones: some[:3]},
		"the account beside refused numbers": {refuse: 50407, phones: some},
		"a sender beside refused numbers":    {sender: true, refuse: 50407, phones: some},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStorm(t, func(opts *twiliosim.Options, env map[string]string) {
				withLedger(opts, env)
				env["RESCUE_AFTER"] = "3s" // a probe every 6 s
			})
			client := &http.Client{Timeout: 5 * time.Second}
			defer client.CloseIdleConnections()
			for _, phone := range c.phones {
				s.sim.RefuseNumber(phone, c.refuse)
			}
			must(t, s.sim.SetFaults(c.faults))
			unfit := func(yes bool) {
				switch {
				case !c.sender:
					s.sim.RevokeCredentials(yes)
				case yes:
					s.sim.RefuseSender(storySender, 50413)
				default:
					s.sim.RefuseSender(storySender, 0)
				}
			}
			unfit(true)
			s.signUp(t.Context(), client, number(1), "signup-1")
			for paused := false; !paused; pause(20 * time.Millisecond) {
				must(t, s.db.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pauses)`).Scan(&paused))
			}
			stop, ended := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(ended)
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					s.signUp(t.Context(), client, chat.Phone(c.phones[i%len(c.phones)]), fmt.Sprintf("signup-other-%d", i))
					pause(100 * time.Millisecond)
				}
			}()
			pause(2 * time.Second)
			unfit(false)
			begin := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // five probes
			_, err := s.sim.Handset(string(number(1))).Wait(ctx, func(text twiliosim.Text) bool { return strings.HasPrefix(text.Body, welcomeText) })
			cancel()
			close(stop)
			<-ended
			if err != nil {
				t.Error("five probes after the repair the one who waits has no text")
			}
			t.Logf("the text came %v after the repair", time.Since(begin).Round(100*time.Millisecond))
			must(t, s.sim.SetFaults(twiliosim.Faults{}))
		})
	}
}
