package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// neighbors is Q2: what people notice of others whose calls to Twilio fail, or
// are never answered and hold a worker for as long as a call may take.
func (b *bench) neighbors(ctx context.Context) error {
	const perSecond, clients, spoiled = 50, 64, 20
	for _, beside := range []int{0, spoiled} {
		s, _, err := b.fresh(ctx, map[string]string{"CREATE_RATE": "off"})
		if err != nil {
			return err
		}
		l := signups(s, clients)
		var last atomic.Int64
		last.Store(prepared)
		for n := prepared + 1; n <= prepared+beside; n++ {
			b.twilio.spoil(phoneOf(n), n%2 == 0)
		}
		load{l.address, beside, l.want}.run(func(_ int, c *client, _ *outcome) { l.post(ctx, c, signingUp(int(last.Add(1)))) })
		line := row{goal: "Q2", what: fmt.Sprintf("sign-ups complete, %d/s, beside %d numbers that hang or fail", perSecond, beside)}
		b.measure(s, line, func(d time.Duration) outcome {
			return l.arrivals(ctx, perSecond, d, func(_ int, c *client) bool { return b.welcome(ctx, l, c, int(last.Add(1))) })
		})
		if err := s.stop(); err != nil {
			return err
		}
	}
	return nil
}
