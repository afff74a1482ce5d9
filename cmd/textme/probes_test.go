package main

import (
	"testing"

	"textme/chat"
	"textme/twilio/twiliosim"
)

// probedBy is the number that takes the probe of a pause while ann waits.
const probedBy = chat.Phone("+14155550180")

// rareProbes lets nobody who waits come back by themselves while a story lasts.
func rareProbes(env map[string]string) { env["RESCUE_AFTER"], env["RECONCILE_EVERY"] = "5m", "off" }

// waitsForRepair has ann wait in a pause that do brings about, until undo has repaired
// what was wrong, and makes the probe due.
func (o *oddStory) waitsForRepair(do, undo func()) {
	o.t.Helper()
	do()
	o.signsUp(ann, "Ann Canary")
	o.until("sending is paused", func() bool { return o.alerts("sending paused") == 1 })
	o.until("she waits", func() bool {
		return one[bool](o.story, `SELECT EXISTS (SELECT FROM conversations WHERE retry_at > now())`)
	})
	undo()
	o.exec(`UPDATE pauses SET probe_at = now()`)
}

// paused tells how many pauses last, and how many of their probes are due.
func (o *oddStory) paused() (pauses, due int) {
	o.t.Helper()
	const q = `SELECT count(*), count(*) FILTER (WHERE probe_at <= now()) FROM pauses WHERE ended_at IS NULL`
	must(o.t, o.db.QueryRow(o.t.Context(), q).Scan(&pauses, &due))
	return pauses, due
}

func (o *oddStory) revoked(on bool) func() { return func() { o.sim.RevokeCredentials(on) } }

// Whatever becomes of the number that probes the account's pause: that Twilio refuses
// it, and not the credentials, shows that these are repaired.
func TestProbeByARefusedNumber(t *testing.T) {
	t.Parallel()
	o := newOddStory(t, rareProbes)
	o.sim.RefuseNumber(string(probedBy), 50407)
	o.waitsForRepair(o.revoked(true), o.revoked(false))
	o.signsUp(probedBy, "Canary")
	o.until("the pause has ended", func() bool { pauses, _ := o.paused(); return pauses == 0 })
	o.until("the number has failed", func() bool { return o.rows(probedBy) == "failed 50407" })
	o.signsUp(ann, "Ann Canary") // who need not sleep on
	o.gets(ann, "thanks for signing up")
	o.hearsNothing(ann)
}

// A number at which every call goes wrong leaves the probe to others, however often
// it signs up, and to the one who waits at once, if anybody does.
func TestProbeByADeadNumber(t *testing.T) {
	t.Parallel()
	o := newOddStory(t, rareProbes)
	const second = chat.Phone("+14155550181")
	must(t, o.sim.SetFaults(twiliosim.Faults{Calls: []twiliosim.Rule{{
		Phones: []string{string(probedBy), string(second)}, Faults: []twiliosim.Fault{{Kind: twiliosim.ServerError}},
	}}}))
	o.waitsForRepair(o.revoked(true), o.revoked(false))
	o.exec(`UPDATE conversations SET retry_at = retry_at + interval '1 day'`) // as if it were her night
	before := total(o.sim.Calls())
	o.signsUp(probedBy, "Canary")
	o.until("it has probed in vain", func() bool {
		pauses, due := o.paused()
		return total(o.sim.Calls()) > before && pauses == 1 && due == 1
	})
	calls := total(o.sim.Calls())
	o.signsUp(probedBy, "Canary")
	o.until("it waits for longer than one probe", func() bool {
		return one[bool](o.story, `SELECT EXISTS (SELECT FROM conversations JOIN customers k ON k.id = customer_id
			WHERE phone = $1 AND retry_at > now() + interval '11 minutes')`, probedBy)
	})
	if _, due := o.paused(); due != 1 || total(o.sim.Calls()) != calls {
		t.Errorf("%d probes are due, and %d calls were made since it probed in vain, want 1 and none", due, total(o.sim.Calls())-calls)
	}
	o.exec(`UPDATE conversations SET retry_at = retry_at - interval '1 day' WHERE retry_at > now() + interval '1 day'`)
	o.signsUp(second, "Canary")
	o.gets(ann, "thanks for signing up")
	must(t, o.sim.SetFaults(twiliosim.Faults{}))
	for _, phone := range []chat.Phone{probedBy, second} {
		o.signsUp(phone, "Canary")
		o.gets(phone, "thanks for signing up")
	}
}

// A refused number says nothing of the sender, which Twilio looks at later: the
// probe goes to the one who waits.
func TestProbeOfASenderByARefusedNumber(t *testing.T) {
	t.Parallel()
	o := newOddStory(t, rareProbes)
	o.sim.RefuseNumber(string(probedBy), 50407)
	o.waitsForRepair(func() { o.sim.RefuseSender(storySender, 50413) }, func() { o.sim.RefuseSender(storySender, 0) })
	o.signsUp(probedBy, "Canary")
	o.until("the number has failed", func() bool { return o.rows(probedBy) == "failed 50407" })
	o.gets(ann, "thanks for signing up")
	o.until("the pause has ended", func() bool { pauses, _ := o.paused(); return pauses == 0 })
	o.hearsNothing(ann)
}
