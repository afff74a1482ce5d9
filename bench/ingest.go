package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// questions are texts that the bot answers, each with another answer, so that
// it does not fall silent.
var questions = []string{"What are your hours?", "How much is it?", "Where are you?"}

// asking makes each client's next webhook: a new text in one of the prepared
// conversations, which the clients have divided among themselves, so that the
// texts of each come in order.
func (b *bench) asking(clients int) func(client int) []byte {
	turns := make([]int, clients)
	return func(client int) []byte {
		turn := turns[client]
		turns[client]++
		own := (prepared - client + clients - 1) / clients // this client's conversations
		n := client + turn%own*clients
		return textAdded(b.twilio, n, questions[turn/own%len(questions)])
	}
}

func webhooks(s *service, clients int) load {
	return load{address: s.address, clients: clients, want: http.StatusNoContent}
}

// ingest is PF1: signed webhooks of distinct texts, each answered after its
// commit, while the workers do what each text calls for.
func (b *bench) ingest(ctx context.Context) error {
	for _, clients := range []int{32, 128} {
		limit, err := b.databaseLimit(ctx, "PF1", "ingest.sql", clients)
		if err != nil {
			return err
		}
		if err := b.peers(ctx, clients, limit); err != nil {
			return err
		}
		for _, handler := range []string{"bot", "agent"} {
			if err := b.ingestWith(ctx, clients, handler, limit); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) ingestWith(ctx context.Context, clients int, handler string, limit float64) error {
	s, dsn, err := b.fresh(ctx, nil)
	if err != nil {
		return err
	}
	if err := execute(ctx, dsn, "UPDATE conversations SET handler = '"+handler+"'"); err != nil {
		return errors.Join(err, s.stop())
	}
	wanted := "ratio 1.0, p99 30"
	if clients > 32 {
		wanted = "ratio 1.5"
	}
	line := row{goal: "PF1", what: fmt.Sprintf("webhooks, %d clients, %s answers", clients, handler), limit: limit, want: wanted}
	texts := b.asking(clients)
	b.measure(s, line, func(d time.Duration) outcome { return webhooks(s, clients).closed(ctx, d, texts) })
	return s.stop()
}

// steadyIngest is PF2: so many webhooks a second, come what may.
func (b *bench) steadyIngest(ctx context.Context) error {
	const perSecond, clients = 2000, 256
	s, _, err := b.fresh(ctx, nil)
	if err != nil {
		return err
	}
	line := row{goal: "PF2", what: fmt.Sprintf("webhooks at a constant %d/s, bot answers", perSecond), want: "p99 50"}
	texts := b.asking(clients)
	b.measure(s, line, func(d time.Duration) outcome { return webhooks(s, clients).open(ctx, perSecond, d, texts) })
	return s.stop()
}
