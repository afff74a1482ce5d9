package store_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"textme/chat"
)

func TestRecordSignupTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first := f.signup(ann)
	a, err := f.RecordSignup(t.Context(), first)
	must(t, err)
	for name, again := range map[string]chat.Signup{
		"the same submission":           first,
		"its key with another's number": func() chat.Signup { s := f.signup(bob); s.DedupeKey = first.DedupeKey; return s }(),
	} {
		b, err := f.RecordSignup(t.Context(), again)
		must(t, err)
		if !b.Duplicate || b.SignupID != a.SignupID {
			t.Errorf("%s: got %+v, want the first one's answer", name, b)
		}
	}
	if n := one[int](f, `SELECT count(*) FROM signups`); n != 1 {
		t.Errorf("%d sign-ups, want 1", n)
	}
}

// Without a key, the same content counts as the same submission for ten
// minutes.
func TestRecordSignupSameContent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.signup(ann)
	s.DedupeKey = ""
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := f.RecordSignup(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := one[int](f, `SELECT count(*) FROM signups`); n != 1 {
		t.Errorf("%d sign-ups at once, want 1", n)
	}
	s.At = s.At.Add(chat.DedupeWindow + 1)
	later, err := f.RecordSignup(t.Context(), s)
	must(t, err)
	if later.Duplicate {
		t.Error("the same content after the window is still a duplicate")
	}
}

func TestSignupsMeetInOneConversation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var wg sync.WaitGroup
	for range 20 {
		s := f.signup(ann)
		wg.Go(func() {
			if _, err := f.RecordSignup(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := one[string](f, `SELECT count(*) || ' with ' || max(work_seq) FROM conversations`); got != "1 with 20" {
		t.Errorf("conversations: %s facts, want 1 with 20", got)
	}
}

func TestEvidenceIsInsertOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.RecordSignup(t.Context(), f.signup(ann))
	must(t, err)
	for _, q := range []string{
		`UPDATE signups SET consent = 'vendor'`, `DELETE FROM signups`, `TRUNCATE signups CASCADE`,
		`UPDATE disclosures SET body = ''`, `DELETE FROM disclosures`, `TRUNCATE disclosures CASCADE`,
		`TRUNCATE audit_log`,
	} {
		if _, err := f.db.Exec(t.Context(), q); err == nil || !strings.Contains(err.Error(), "insert-only") {
			t.Errorf("%s: got %v, want a refusal", q, err)
		}
	}
}

// Each sign-up's hash covers the one before, so that none can be changed or
// left out unseen.
func TestEvidenceIsChained(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 3 {
		_, err := f.RecordSignup(t.Context(), f.signup(ann))
		must(t, err)
	}
	rows, err := f.db.Query(t.Context(), `SELECT id, customer_id, source_id, conversation_id, dedupe_key, content_hash,
		disclosure_version, disclosure_sha256, consent, verified_by, commitment, previous_hash, created_at, hash FROM signups ORDER BY created_at`)
	must(t, err)
	defer rows.Close()
	var previous []byte
	for rows.Next() {
		var e chat.Evidence
		var content, disclosure, commitment, prev, hash []byte
		must(t, rows.Scan(&e.ID, &e.CustomerID, &e.SourceID, &e.ConversationID, &e.DedupeKey, &content,
			&e.DisclosureVersion, &disclosure, &e.Consent, &e.VerifiedBy, &commitment, &prev, &e.At, &hash))
		e.ContentHash, e.DisclosureSHA256, e.Commitment, e.PreviousHash = content, disclosure, commitment, prev
		if !bytes.Equal(prev, previous) {
			t.Error("the chain is broken")
		}
		if !bytes.Equal(e.Hash(), hash) {
			t.Error("the hash is not the row's")
		}
		previous = hash
	}
	must(t, rows.Err())
}

// The evidence of one person is a single chain, also when the sign-ups were
// recorded in another order than they were made in.
func TestEvidenceIsOneChain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, late := range []time.Duration{0, 2 * time.Second, time.Second, 3 * time.Second, 0} {
		signup := f.signup(ann)
		signup.At = noon.Add(late)
		_, err := f.RecordSignup(t.Context(), signup)
		must(t, err)
	}
	const links = `SELECT count(DISTINCT previous_hash) FROM signups`
	if n := one[int](f, links); n != 4 {
		t.Errorf("five sign-ups follow %d different ones, want 4", n)
	}
}
