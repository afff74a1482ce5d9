package store

import (
	"context"
	"time"

	"textme/chat"
)

// What each event does to a conversation and its people. Messages and receipts
// are in messages.go.

// conversationState records that a conversation was closed. Twilio's inactive
// changes nothing for us: the next text makes it active again.
func (a *applier) conversationState(ctx context.Context, row eventRow, e chat.Event) error {
	if e.StateTo != string(chat.Closed) {
		return nil
	}
	return a.closed(ctx, row, "closed at Twilio", e)
}

func (a *applier) conversationRemoved(ctx context.Context, row eventRow, e chat.Event) error {
	return a.closed(ctx, row, "deleted at Twilio", e)
}

// closed closes the row; the worker sees to what it still owes. Word that comes late
// counts as well, but does not set the row's time back: by it the events are known
// that have been overtaken.
func (a *applier) closed(ctx context.Context, row eventRow, reason string, e chat.Event) error {
	const q = `/* store.closed */
		UPDATE conversations SET state = 'closed', state_at = greatest(state_at, $3), closed_at = least($3, now()), failure_reason = $2
		WHERE id = $1 AND state <> 'closed'`
	tag, err := a.tx.Exec(ctx, q, row.ID, reason, e.At)
	if err == nil && tag.RowsAffected() > 0 {
		a.found(lostState, e, time.Time{})
		a.wakeLater(row.ID, time.Time{})
	}
	return err
}

// participantRemoved makes the worker add a vanished participant again. Word
// on an earlier participant of the same person changes nothing.
func (a *applier) participantRemoved(ctx context.Context, row eventRow, e chat.Event) error {
	if err := a.participantTold(ctx, row, e); err != nil {
		return err
	}
	const q = `/* store.participantRemoved */
		UPDATE conversations SET participant_sid = NULL, former_participants = ` + withFormer + `,
			state_at = CASE state WHEN 'closed' THEN state_at ELSE greatest(state_at, $3) END,
			state = CASE state WHEN 'active' THEN 'pending' ELSE state END
		WHERE id = $1 AND participant_sid = $2`
	tag, err := a.tx.Exec(ctx, q, row.ID, e.Participant.SID, e.At)
	if err == nil && tag.RowsAffected() > 0 {
		a.found(lostParticipant, e, time.Time{})
		a.wakeLater(row.ID, time.Time{})
	}
	return err
}
