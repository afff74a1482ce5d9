package store

import (
	"context"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// RecordSignup accepts a sign-up: the evidence, the person's open
// conversation and the wake-up of its worker commit together, and with whatever
// other sign-ups arrive just then. The same submission again returns the first
// one's answer and changes nothing. When ctx ends first, it may be recorded all
// the same.
func (s *Store) RecordSignup(ctx context.Context, signup chat.Signup) (chat.Recorded, error) {
	return s.signups.do(ctx, signup)
}

// recordOrSplit records the sign-ups in one transaction. If one spoils it for
// the others, they are recorded one by one.
func (s *Store) recordOrSplit(ctx context.Context, patience time.Duration, signups []chat.Signup) ([]chat.Recorded, []error) {
	results, err := s.recordTogether(ctx, patience, signups)
	switch {
	case err == nil:
		return results, nil
	case len(signups) == 1 && constraint(err) != dedupeConstraint:
		return nil, []error{err}
	}
	return s.recordApart(ctx, briefPatience, signups)
}

// recordApart records each sign-up alone.
func (s *Store) recordApart(ctx context.Context, patience time.Duration, signups []chat.Signup) ([]chat.Recorded, []error) {
	return oneByOne(signups, personOf, func(signup chat.Signup) (chat.Recorded, error) { return s.recordAlone(ctx, patience, signup) })
}

// personOf is whose lock the sign-up needs.
func personOf(signup chat.Signup) string { return string(signup.Phone) }

// recordAlone records one sign-up.
func (s *Store) recordAlone(ctx context.Context, patience time.Duration, signup chat.Signup) (chat.Recorded, error) {
	alone := []chat.Signup{signup}
	results, err := s.recordTogether(ctx, patience, alone)
	if constraint(err) == dedupeConstraint { // a racing twin was faster: now it is found
		results, err = s.recordTogether(ctx, patience, alone)
	}
	if err != nil {
		return chat.Recorded{}, err
	}
	return results[0], nil
}

// dedupeConstraint keeps a submission from being recorded twice.
const dedupeConstraint = "signups_dedupe_key"

func (s *Store) recordTogether(ctx context.Context, patience time.Duration, signups []chat.Signup) (results []chat.Recorded, err error) {
	err = s.txWithin(ctx, patience, "record signup", func(tx pgx.Tx) error {
		results = make([]chat.Recorded, len(signups))
		for _, round := range rounds(signups, results) {
			if err := s.recordRound(ctx, tx, round); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil { // nothing was committed: there are no results
		return nil, err
	}
	return results, nil
}

// rounds divides the sign-ups so that nobody signs up twice in one round: a
// later sign-up of a person sees the earlier one.
func rounds(signups []chat.Signup, results []chat.Recorded) (all [][]*draft) {
	before := map[chat.Phone]int{} // by person: the rounds they are in
	for i, signup := range signups {
		n := before[signup.Phone]
		before[signup.Phone]++
		if n == len(all) {
			all = append(all, nil)
		}
		all[n] = append(all[n], &draft{Signup: signup, result: &results[i]})
	}
	return all
}

// upsertCustomer finds or makes the person and locks their row until the
// transaction ends.
func upsertCustomer(ctx context.Context, tx pgx.Tx, phone chat.Phone) (uuid.UUID, error) {
	const q = `/* store.upsertCustomer */
		INSERT INTO customers (id, phone) VALUES ($1, $2)
		ON CONFLICT (phone) DO UPDATE SET phone = excluded.phone RETURNING id`
	var id uuid.UUID
	err := tx.QueryRow(ctx, q, newID(), phone).Scan(&id)
	return id, err
}

func orNull(ip netip.Addr) *netip.Addr {
	if !ip.IsValid() {
		return nil
	}
	return &ip
}

// Quarantine keeps a submission of a proven caller that could not be
// understood, sealed, with the reason in plain words. The reason must hold
// nothing of what was submitted.
func (s *Store) Quarantine(ctx context.Context, source uuid.UUID, reason string, submission []byte) error {
	return s.tx(ctx, "quarantine", func(tx pgx.Tx) error {
		const q = `/* store.Quarantine */
			INSERT INTO quarantine (id, source_id, reason, submission, received_at) VALUES ($1, $2, $3, $4, $5)`
		_, err := tx.Exec(ctx, q, newID(), source, reason, s.keys.Seal(submission, payloadUse), time.Now())
		return err
	})
}
