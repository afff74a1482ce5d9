package main

import (
	"testing"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// Somebody's conversation ends, no webhook tells, and they sign up while sending is
// paused: that they are in it already is not said before Twilio was asked. A sender
// that is paused keeps nobody from asking.
func TestJoinedWhilePaused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		end    func(twiliosim.Console, string) error
		sender bool
	}{
		{"closed", twiliosim.Console.Close, false},
		{"deleted", twiliosim.Console.Delete, false},
		{"closed, the sender is paused", twiliosim.Console.Close, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOddStory(t, rareProbes)
			const phone = chat.Phone("+14155550177")
			o.welcomed(phone)
			ended := o.live(phone)
			must(t, tt.end(o.console(), ended))
			unfit := o.revoked(true)
			if tt.sender {
				unfit = func() { o.sim.RefuseSender(storySender, 50413) }
			}
			o.waitsForRepair(unfit, func() {})
			o.exec(`UPDATE pauses SET probe_at = now() + interval '1 hour'`)
			o.signsUp(phone, "Canary")
			if tt.sender {
				o.until("it is found to have ended", func() bool { return o.rows(phone) == "closed 0 closed at Twilio, pending 0" })
				o.until("what follows waits", func() bool {
					return one[int](o.story, `SELECT count(*) FROM conversations WHERE retry_at > now()`) == 2
				})
				o.expect("outcomes", o.outcomes(phone), "admitted, admitted")
			} else {
				o.until("its decision waits", func() bool {
					return one[int](o.story, `SELECT count(*) FROM conversations WHERE retry_at > now()`) == 2
				})
				o.expect("outcomes", o.outcomes(phone), "admitted")
				o.why(phone, "not decided yet", "work          is left, goes on at ", "until now: twilio:")
			}
			o.sim.RevokeCredentials(false)
			o.sim.RefuseSender(storySender, 0)
			o.exec(`UPDATE pauses SET probe_at = now()`)
			o.signsUp(phone, "Canary") // who need not sleep on
			o.gets(phone, "thanks for signing up")
			o.signsUp(ann, "Ann Canary")
			o.gets(ann, "thanks for signing up")
			o.hearsNothing(phone)
			o.expect("outcomes", o.outcomes(phone), "admitted, admitted, joined")
			if o.live(phone) == ended {
				t.Error("they are in the conversation that has ended")
			}
			o.until("the pause has ended", func() bool { pauses, _ := o.paused(); return pauses == 0 })
		})
	}
}
