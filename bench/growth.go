package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"textme/chat"
	"textme/store"
	"textme/twilio"
)

// growth is PF7: what the admin page asks, on a small and on a large mapping.
func (b *bench) growth(ctx context.Context) error {
	for _, n := range []int{10_000, size("BENCH_CONVERSATIONS", 200_000)} {
		if err := b.growthTo(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) growthTo(ctx context.Context, n int) error {
	dsn, err := b.db.copy(ctx)
	if err != nil {
		return err
	}
	if err := prepare(ctx, dsn, prepared, n); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	keys, err := chat.NewKeyring([]byte(secretKey))
	if err != nil {
		return err
	}
	s := store.New(pool, keys, nil, twilio.DecodePayload)
	middle := n / 2
	deep, err := s.Mappings(ctx, chat.MappingQuery{Limit: 1, SID: sidOf("CH", middle)})
	if err != nil {
		return err
	}
	if len(deep.Mappings) != 1 {
		return fmt.Errorf("conversation %d of %d is not found", middle, n)
	}
	cursor := chat.Cursor{At: deep.Mappings[0].LastActivity, ID: deep.Mappings[0].ID}
	for _, query := range []struct {
		what string
		q    chat.MappingQuery
	}{
		{"first page", chat.MappingQuery{Limit: 50}},
		{"page in the middle", chat.MappingQuery{Limit: 50, After: cursor}},
		{"by conversation SID", chat.MappingQuery{Limit: 50, SID: sidOf("CH", middle)}},
		{"by participant SID", chat.MappingQuery{Limit: 50, SID: sidOf("MB", middle)}},
		{"by phone", chat.MappingQuery{Limit: 50, Phone: chat.Phone(phoneOf(middle))}},
	} {
		times, err := timed(50, func() error { _, err := s.Mappings(ctx, query.q); return err })
		if err != nil {
			return err
		}
		b.report.add(row{goal: "PF7", what: fmt.Sprintf("mapping of %d, %s", n, query.what), p50: times.at(0.5), p99: times.at(0.99)})
	}
	return nil
}

// timed calls f so often, once before to warm up.
func timed(times int, f func() error) (waits, error) {
	if err := f(); err != nil {
		return nil, err
	}
	var taken waits
	for range times {
		begun := time.Now()
		if err := f(); err != nil {
			return nil, err
		}
		taken = append(taken, time.Since(begun))
	}
	slices.Sort(taken)
	return taken, nil
}
