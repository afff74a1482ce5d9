package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// foreignLook is the look at Twilio by which a conversation counts as somebody
// else's. It is remembered in the events that it dropped. Those that are dropped
// because of it are dated back to it, so that they do not put off the next look.
type foreignLook struct {
	SID    chat.ConversationSID
	Reason string
	At     time.Time
}

// recall finds the conversations of the events that are no row's and need no look. The
// newest event of such a one was dropped by a look, or because of one, less than
// chat.ForeignFor ago: so none waits for a look, and none tells what may have made it
// ours. A source that was added since may have, if it brought a new sender; and no
// webhook tells what another program does. So a STOP or a START is never dropped
// without a look.
func (a *applier) recall(ctx context.Context, events []chat.Event) error {
	a.foreign = nil
	var unknown, changed []chat.ConversationSID
	for _, e := range events {
		switch {
		case a.expect(e).Applied != chat.EventParked:
		case slices.Contains(chat.OwnerTypes(), e.Type), e.TellsKeyword():
			changed = append(changed, e.SID)
		default:
			unknown = append(unknown, e.SID)
		}
	}
	unknown = slices.DeleteFunc(unknown, func(sid chat.ConversationSID) bool { return slices.Contains(changed, sid) })
	if len(unknown) == 0 {
		return nil
	}
	const q = `/* store.recall */
		SELECT sid, error, pruned_at FROM unnest($1::text[]) AS sid, LATERAL (SELECT type, error, pruned_at FROM events
			WHERE conversation_sid = sid AND conversation_sid <> '' ORDER BY received_at DESC, id DESC LIMIT 1) newest
		WHERE type <> ALL($2)
			AND pruned_at > greatest(now() - $3::interval, (SELECT max(created_at) FROM sources))
			AND (error = $4 OR error = $5 AND EXISTS (SELECT FROM events
				WHERE conversation_sid = sid AND conversation_sid <> '' AND received_at < newest.pruned_at - $6::interval))`
	rows, err := a.tx.Query(ctx, q, unknown, chat.OwnerTypes(), chat.ForeignFor, chat.ForeignClaimed, chat.ForeignUnclaimed, chat.AdoptPatience)
	if err != nil {
		return err
	}
	looks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[foreignLook])
	a.foreign = make(map[chat.ConversationSID]foreignLook, len(looks))
	for _, look := range looks {
		a.foreign[look.SID] = look
	}
	return err
}
