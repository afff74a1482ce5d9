//go:build storm

package main

import (
	"slices"
	"strings"

	"textme/chat"
)

// checkPromise compares what the clients were told, what the simulator saw and
// what the tables say: a bijection between the numbers that were accepted, the
// live conversations at Twilio, their participants, the welcome texts that
// arrived, and our rows. Every accepted sign-up must have an outcome.
func (s *storm) checkPromise() {
	s.t.Helper()
	s.checkAccepted()
	rows := s.rows()
	for phone, row := range rows {
		if row.state != chat.Active {
			s.fail("%s: its conversation is %s", phone, row.state)
		}
	}
	people := map[chat.Phone]int{}
	for _, phone := range s.accepted {
		people[phone]++
	}
	if len(rows) != len(people) {
		s.fail("%d numbers were accepted, %d have an open conversation", len(people), len(rows))
	}
	s.checkTwilio(people, rows)
	for phone := range people {
		if n := s.welcomes(phone); n != 1 {
			s.fail("%s got %d welcome texts, want 1", phone, n)
		}
	}
}

// checkAccepted compares the accepted sign-ups with the recorded ones, which all got a
// conversation.
func (s *storm) checkAccepted() {
	s.t.Helper()
	for key, outcome := range s.checkRecorded() {
		if outcome != chat.Admitted && outcome != chat.Joined {
			s.fail("%s came to %q", key, outcome)
		}
	}
}

// checkRecorded sees that the sign-ups which are recorded are those that were accepted,
// and returns what they came to, "" for nothing yet, by idempotency key.
func (s *storm) checkRecorded() map[string]chat.Outcome {
	s.t.Helper()
	outcomes := map[string]chat.Outcome{}
	var key string
	var phone chat.Phone
	var outcome chat.Outcome
	s.each(`SELECT dedupe_key, phone, coalesce(outcome, '') FROM signups g
		JOIN customers k ON k.id = customer_id LEFT JOIN signup_outcomes ON signup_id = g.id`,
		[]any{&key, &phone, &outcome}, func() {
			_, number, _ := strings.Cut(key, "signup-")
			key := "signup-" + number
			outcomes[key] = outcome
			if s.accepted[key] != phone {
				s.fail("%s is recorded for %s, accepted for %s", key, phone, s.accepted[key])
			}
		})
	for key := range s.accepted {
		if _, recorded := outcomes[key]; !recorded {
			s.fail("%s was accepted and is lost", key)
		}
	}
	return outcomes
}

type stormRow struct {
	state  chat.State
	ch, mb string
}

// rows are our open conversations, by number.
func (s *storm) rows() map[chat.Phone]stormRow {
	s.t.Helper()
	list, err := s.db.Query(s.t.Context(), `SELECT phone, state, coalesce(conversation_sid, ''), coalesce(participant_sid, '')
		FROM conversations JOIN customers k ON k.id = customer_id WHERE state <> 'closed'`)
	must(s.t, err)
	defer list.Close()
	rows := map[chat.Phone]stormRow{}
	for list.Next() {
		var phone chat.Phone
		var r stormRow
		must(s.t, list.Scan(&phone, &r.state, &r.ch, &r.mb))
		rows[phone] = r
	}
	must(s.t, list.Err())
	return rows
}

// checkTwilio compares the simulator's conversations with our rows.
func (s *storm) checkTwilio(people map[chat.Phone]int, rows map[chat.Phone]stormRow) {
	s.t.Helper()
	live := map[chat.Phone][]string{}
	var empty []string
	for _, c := range s.sim.Conversations() {
		participants := s.sim.Participants(c.SID)
		if c.State == "closed" {
			continue
		}
		if len(participants) == 0 {
			empty = append(empty, c.SID)
			continue
		}
		if len(participants) > 1 {
			s.fail("conversation %s has %d participants", c.SID, len(participants))
			continue
		}
		phone := chat.Phone(participants[0].Address)
		live[phone] = append(live[phone], c.SID)
		if row := rows[phone]; row.ch != c.SID || row.mb != participants[0].SID {
			s.fail("%s: Twilio has %s/%s, we have %s/%s", phone, c.SID, participants[0].SID, row.ch, row.mb)
		}
	}
	if !s.discarding(empty) {
		s.fail("of %d conversations with nobody in them some are not going to be discarded", len(empty))
	}
	for phone := range people {
		if n := len(live[phone]); n != 1 {
			s.fail("%s has %d live conversations at Twilio, want 1", phone, n)
		}
	}
	for phone := range live {
		if people[phone] == 0 {
			s.fail("%s has a conversation and never signed up", phone)
		}
	}
	if unknown := s.sim.Unknown(); len(unknown) > 0 {
		s.fail("calls the simulator does not know: %q", slices.Compact(unknown))
	}
}

// welcomes counts the welcome texts on a phone.
func (s *storm) welcomes(phone chat.Phone) (n int) {
	for _, text := range s.sim.Handset(string(phone)).Inbox() {
		if strings.HasPrefix(text.Body, welcomeText) {
			n++
		}
	}
	return n
}

// fail reports a broken promise; the first hundred are enough.
func (s *storm) fail(format string, args ...any) {
	s.t.Helper()
	if s.broken++; s.broken <= 100 {
		s.t.Errorf(format, args...)
	}
}

// discarding reports whether each of the empty conversations is going to be deleted, by
// a job that is not over, or has been by now: ones we made, when the pair turned out to
// have another. The job waits some minutes before it does, and none comes after it.
func (s *storm) discarding(sids []string) bool {
	s.t.Helper()
	for _, sid := range sids {
		c, _ := s.sim.Conversation(sid)
		var waits bool
		must(s.t, s.db.QueryRow(s.t.Context(), `SELECT EXISTS (SELECT FROM river_job
			WHERE kind = 'discard' AND finalized_at IS NULL AND args->>'conversation_sid' IN ($1, $2))`, sid, c.UniqueName).Scan(&waits))
		if _, there := s.sim.Conversation(sid); there && !waits {
			return false
		}
	}
	return true
}
