package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// signingUp is the request of a website's own form for the n-th new number.
func signingUp(n int) []byte {
	body := fmt.Sprintf(`{"phone":%q,"name":"Canary %d","consent":true}`, phoneOf(n), n)
	return fmt.Appendf(nil, "POST /signup/default HTTP/1.1\r\nHost: textme.example\r\nUser-Agent: bench\r\n"+
		"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func signups(s *service, clients int) load {
	return load{address: s.address, clients: clients, want: http.StatusAccepted}
}

// newcomers makes requests of people whom the template does not know.
func newcomers() func(client int) []byte {
	var last atomic.Int64
	return func(int) []byte { return signingUp(prepared + int(last.Add(1))) }
}

// accept is PF3: sign-ups of distinct numbers, answered once evidence,
// conversation and job are committed; the workers are held to Twilio's budget,
// as in production.
func (b *bench) accept(ctx context.Context) error {
	const clients = 32
	limit, err := b.databaseLimit(ctx, "PF3", "signup.sql", clients)
	if err != nil {
		return err
	}
	for _, at := range []struct {
		what   string
		change map[string]string
	}{
		{"Twilio answers", nil},
		{"Twilio is down", map[string]string{"TWILIO_BASE_URL": closedAddress()}},
	} {
		s, _, err := b.fresh(ctx, at.change)
		if err != nil {
			return err
		}
		people := newcomers()
		line := row{goal: "PF3", what: fmt.Sprintf("sign-ups accepted, %d clients, %s", clients, at.what), limit: limit, want: "ratio 0.8"}
		b.measure(s, line, func(d time.Duration) outcome { return signups(s, clients).closed(ctx, d, people) })
		if err := s.stop(); err != nil {
			return err
		}
	}
	return nil
}

// complete is PF4: from the form to the welcome text at Twilio.
func (b *bench) complete(ctx context.Context) error {
	return errors.Join(b.completeUnlimited(ctx), b.completeWithin(ctx))
}

// completeUnlimited lets so many people sign up at a time, the next when one
// has been welcomed.
func (b *bench) completeUnlimited(ctx context.Context) error {
	const people = 64
	s, _, err := b.fresh(ctx, map[string]string{"CREATE_RATE": "off"})
	if err != nil {
		return err
	}
	line := row{goal: "PF4", what: fmt.Sprintf("sign-ups complete, %d at a time, no limit on creates", people), want: "1000 per s"}
	var last atomic.Int64
	b.measure(s, line, func(d time.Duration) outcome { return b.welcomes(ctx, s, people, d, &last) })
	return s.stop()
}

// welcomes counts and times sign-ups until the welcome text is at Twilio.
func (b *bench) welcomes(ctx context.Context, s *service, people int, d time.Duration, last *atomic.Int64) outcome {
	end := time.Now().Add(d)
	l := signups(s, people)
	return l.run(func(_ int, c *client, o *outcome) {
		for ctx.Err() == nil && time.Now().Before(end) {
			begun := time.Now()
			o.count(begun, b.welcome(ctx, l, c, prepared+int(last.Add(1))))
		}
	})
}

// welcome signs a new number up and waits until it is welcomed.
func (b *bench) welcome(ctx context.Context, l load, c *client, n int) bool {
	welcomed := b.twilio.awaitWelcome(phoneOf(n))
	return l.post(ctx, c, signingUp(n)) && within(callTime, welcomed)
}

func within(d time.Duration, happened <-chan struct{}) bool {
	select {
	case <-happened:
		return true
	case <-time.After(d):
		return false
	}
}

// completeWithin has more people sign up than Twilio's budget of conversations
// allows for, and looks at how much of it is used.
func (b *bench) completeWithin(ctx context.Context) error {
	const budget, clients = 30, 16
	s, _, err := b.fresh(ctx, nil) // CREATE_RATE is 30/1s unless set
	if err != nil {
		return err
	}
	people := 2 * budget * int(b.seconds.Seconds())
	o := signups(s, clients).open(ctx, people, time.Second, newcomers())
	idle, total := processors()
	creates, service := b.twilio.creates.Load(), cpuOf(s.cmd.Process.Pid)
	waitUntil(ctx, time.Now().Add(b.seconds))
	used := float64(b.twilio.creates.Load()-creates) / b.seconds.Seconds()
	b.report.add(row{
		goal: "PF4", what: fmt.Sprintf("conversations created, budget %d/s, %d people waiting", budget, o.done), rate: used, limit: budget, busy: busySince(idle, total), want: "ratio 0.95",
		note: fmt.Sprintf("service at %.0f %% of a processor", 100*(cpuOf(s.cmd.Process.Pid)-service).Seconds()/b.seconds.Seconds()),
	})
	return s.stop()
}
