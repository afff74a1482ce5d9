package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// image is all that an event may change, and the event itself: rows as JSON objects.
type image map[imageRow][]byte

type imageRow struct{ table, key string }

// comparedEvent is what is compared of an event that is replayed.
var comparedEvent = comparison{"events", "id", "true", []string{"applied_at IS NOT NULL AS applied", "error"}, "t.id = $4"}

// imageQuery looks up what an event concerns.
var imageQuery = func() string {
	var parts []string
	for _, c := range slices.Concat(compared, []comparison{comparedEvent}) {
		parts = append(parts, `SELECT '`+c.table+`', key::text, row FROM (`+c.rows(c.table)+` AND `+c.concerns+`) `+c.table)
	}
	return "/* store.image */ " + strings.Join(parts, " UNION ALL ")
}()

// image takes an image of what e may change. The rows are locked.
func (a *applier) image(ctx context.Context, e chat.Event) (image, error) {
	var conversations []uuid.UUID
	hashes := [][]byte{a.keys.HashPhone(e.Classic.From), a.keys.HashPhone(arrivalOf(e, a.rows[e.SID]).speaker())}
	for _, row := range a.rows {
		conversations, hashes = append(conversations, row.ID), append(hashes, a.keys.HashPhone(row.Phone))
	}
	rows, err := a.tx.Query(ctx, imageQuery, conversations, messageOf(e), hashes, e.ID)
	if err != nil {
		return nil, err
	}
	taken := image{}
	var at imageRow
	var row []byte
	_, err = pgx.ForEachRow(rows, []any{&at.table, &at.key, &row}, func() error {
		taken[at] = slices.Clone(row)
		return nil
	})
	return taken, err
}

// differences lists the rows that are not the same afterwards.
func (before image) differences(after image) (list []Difference, err error) {
	both := maps.Clone(before)
	maps.Copy(both, after)
	for _, at := range slices.SortedFunc(maps.Keys(both), func(a, b imageRow) int {
		return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.key, b.key))
	}) {
		d, err := difference(before[at], after[at])
		if err != nil {
			return nil, err
		}
		if d.Only != "" || len(d.Columns) > 0 {
			d.Table, d.Key = at.table, at.key
			list = append(list, d)
		}
	}
	return list, nil
}
