package store

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// What webhooks should have told, by kind.
const (
	lostText        = "text"        // of a customer
	lostReceipt     = "receipt"     // on a text of ours
	lostState       = "state"       // a conversation was closed or deleted
	lostParticipant = "participant" // the customer was taken out
	lostEdit        = "edit"        // a text reads otherwise
	lostDeletion    = "deletion"    // a text is gone
)

var lostKinds = []string{lostText, lostReceipt, lostState, lostParticipant, lostEdit, lostDeletion}

// webhooksLost begins the names of the totals, which end with a kind: see WebhooksLost.
// A program of before counts texts and receipts together, without the colon.
const webhooksLost = "webhooks_lost:"

// lostAfter is how old a fact must be, when polling finds it, for its webhook
// to be given up: Twilio gives one five seconds to be answered
// (https://www.twilio.com/docs/conversations-classic/conversations-webhooks).
const lostAfter = 30 * time.Second

// found counts what asking Twilio has brought and was not known, unless its webhook
// may be under way: happened is when it came about, zero where nothing tells.
func (a *applier) found(kind string, e chat.Event, happened time.Time) {
	if e.Via != chat.ViaPoll || e.ByUs || e.ReceivedAt.Sub(happened) <= lostAfter {
		return
	}
	if a.lost == nil {
		a.lost = map[string]int{}
	}
	a.lost[kind]++
}

// countLost adds what was found to the totals since the beginning, in the order of their
// names: others add to the same.
func (a *applier) countLost(ctx context.Context) error {
	const q = `/* store.countLost */
		INSERT INTO counters AS c (name, window_start, n) VALUES ($1, 'epoch', $2)
		ON CONFLICT (name, window_start, shard) DO UPDATE SET n = c.n + excluded.n`
	var b pgx.Batch
	for _, kind := range slices.Sorted(maps.Keys(a.lost)) {
		b.Queue(q, webhooksLost+kind, a.lost[kind])
	}
	if b.Len() == 0 {
		return nil
	}
	return a.tx.SendBatch(ctx, &b).Close()
}

// WebhooksLost counts by kind, for all replicas since the beginning, what polling or a
// refused call told before a webhook did. A text, a receipt or an edit counts if it was
// more than half a minute old then; when the others came about, Twilio does not tell, so
// that they count at once. What a webhook tells later changes no count. Other programs'
// calls raise no webhook unless they ask for it: what they do to a conversation, its
// customer or its texts counts as well. What we do ourselves does not.
func (s *Store) WebhooksLost(ctx context.Context) (map[string]int64, error) {
	totals := make(map[string]int64, len(lostKinds))
	names := make([]string, len(lostKinds))
	for i, kind := range lostKinds {
		totals[kind], names[i] = 0, webhooksLost+kind
	}
	const q = `/* store.WebhooksLost */
		SELECT name, sum(n)::bigint FROM counters WHERE name = ANY($1) AND window_start = 'epoch' GROUP BY name`
	rows, err := s.pool.Query(ctx, q, names)
	if err != nil {
		return nil, translate("webhooks lost", err)
	}
	var name string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error {
		totals[strings.TrimPrefix(name, webhooksLost)] = n
		return nil
	})
	return totals, translate("webhooks lost", err)
}
