package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pools are one service's connections to its database, divided by who uses
// them. Whoever has used up theirs waits, and nobody else does: a burst of
// sign-ups keeps no webhook waiting, slow work no visitor, and staff can always
// look at what is going on.
type Pools struct {
	Work     *pgxpool.Pool // jobs and the queue
	Webhooks *pgxpool.Pool // Twilio's
	Forms    *pgxpool.Pool // visitors and the servers of forms
	Staff    *pgxpool.Pool // admin pages and metrics
	Calls    *pgxpool.Pool // what every call to Twilio asks first, and probes
}

// What the edges get; the rest is for work. Webhooks and sign-ups need few,
// because those that come together share a transaction: two for the batches, one for
// what waits for a lock, and sign-ups another to look up where they come from.
const (
	webhookConns = 3
	formConns    = 4
	staffConns   = 3
	callConns    = 2 // so that one that has died in silence is not all there is
	leastWork    = 5
	// MinConns is the least that OpenPools can divide.
	MinConns = webhookConns + formConns + staffConns + callConns + leastWork
)

// OpenPools makes pools of conns connections in all for the database at dsn,
// each as Open makes them. It does not connect yet.
func OpenPools(ctx context.Context, dsn string, conns int) (_ *Pools, err error) {
	if conns < MinConns {
		return nil, fmt.Errorf("%d connections are too few, at least %d are needed", conns, MinConns)
	}
	p := new(Pools)
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	for _, part := range []struct {
		pool  **pgxpool.Pool
		conns int
	}{
		{&p.Webhooks, webhookConns},
		{&p.Forms, formConns},
		{&p.Staff, staffConns},
		{&p.Calls, callConns},
		{&p.Work, conns - webhookConns - formConns - staffConns - callConns},
	} {
		if *part.pool, err = Open(ctx, dsn, part.conns); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Close closes all of them when what they are used for has ended.
func (p *Pools) Close() {
	for _, pool := range []*pgxpool.Pool{p.Work, p.Webhooks, p.Forms, p.Staff, p.Calls} {
		if pool != nil {
			pool.Close()
		}
	}
}
