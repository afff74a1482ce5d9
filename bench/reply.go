package main

import (
	"context"
	"fmt"
	"sync/atomic"
)

// reply is PF5: from a customer's text to the bot's reply at Twilio, at a
// moderate load, half of it receipts.
func (b *bench) reply(ctx context.Context) error {
	const perSecond, clients = 200, 64
	s, _, err := b.fresh(ctx, nil)
	if err != nil {
		return err
	}
	watch := newStopwatch(prepared)
	b.twilio.onReply(watch.stop)
	defer b.twilio.onReply(nil)
	var serial, asked atomic.Int64
	texts := func(int) []byte {
		n := int(serial.Add(1))
		if n%2 == 0 {
			return delivered(n%prepared, n)
		}
		turn := int(asked.Add(1)) - 1
		watch.start(turn % prepared)
		return textAdded(b.twilio, turn%prepared, questions[turn/prepared%len(questions)])
	}
	webhooks(s, clients).open(ctx, perSecond, b.seconds/2, texts) // as in measure
	watch.waits(ctx)
	idle, total := processors()
	o := webhooks(s, clients).open(ctx, perSecond, b.seconds, texts)
	waits := watch.waits(ctx)
	line := row{
		goal: "PF5", what: fmt.Sprintf("webhook in to reply posted, %d webhooks/s", perSecond), rate: float64(len(waits)) / o.took.Seconds(),
		p50: waits.at(0.50), p99: waits.at(0.99), busy: busySince(idle, total), want: "p50 10, p99 40",
	}
	if missing := watch.running(); missing > 0 || o.refused > 0 {
		line.note = fmt.Sprintf("%d texts without a reply, %d webhooks refused", missing, o.refused)
	}
	b.report.add(line)
	return s.stop()
}
