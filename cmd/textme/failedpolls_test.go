package main

import (
	"fmt"
	"testing"
	"time"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// Twelve numbers about which no call goes well keep nobody else's texts from being
// found, when no webhook tells of any, and theirs are found when Twilio has recovered.
func TestDeadNumbersKeepNobodyFromBeingPolled(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]twiliosim.Fault{
		"fail":         {Kind: twiliosim.ServerError},
		"must be left": {Kind: twiliosim.BusyService, RetryAfter: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, func(env map[string]string) { env["RECONCILE_EVERY"], env["RECONCILE_RATE"] = "5s", "off" })
			const people, dead = 20, 12 // more in a row than have Twilio count as down
			var phones []string
			for i := range people {
				phones = append(phones, fmt.Sprintf("+141555502%02d", i))
				s.signsUp(chat.Phone(phones[i]), "Canary")
			}
			for _, phone := range phones {
				s.gets(chat.Phone(phone), "thanks for signing up")
			}
			s.settled()
			lost := []twiliosim.Rule{{Faults: []twiliosim.Fault{{Kind: twiliosim.WebhookLost}}}}
			must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: lost, Calls: []twiliosim.Rule{{Phones: phones[:dead], Faults: []twiliosim.Fault{fault}}}}))
			s.until("a dead number was polled in vain", func() bool { return s.sim.FaultCounts()[fault.String()] > 0 })
			for _, phone := range phones {
				s.says(chat.Phone(phone), "canary")
			}
			const found = `SELECT count(*) FROM messages WHERE direction = 'in'`
			s.until("everybody else's texts are found", func() bool { return one[int](s, found) == people-dead })
			must(t, s.sim.SetFaults(twiliosim.Faults{Webhooks: lost}))
			s.until("all texts are found", func() bool { return one[int](s, found) == people })
		})
	}
}
