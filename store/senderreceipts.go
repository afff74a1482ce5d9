package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// senderReceipts learns from receipts whether senders are fit. Calls with an
// unregistered sender go well, and every text is refused afterwards
// (https://www.twilio.com/docs/api/errors/30034): that pauses the sender, and a
// text of it that arrives ends the pause. What was sent before the pause, or
// before the last one ended, says nothing about now; nor does what became of a text on
// its way to somebody else in the conversation, who may be behind another sender.
func (a *applier) senderReceipts(ctx context.Context, receipts []chat.Receipt) error {
	var arrived []chat.MessageSID
	var at []chat.ParticipantSID
	for _, r := range receipts {
		switch {
		case chat.ExplainCode(r.ErrorCode).Class == chat.SenderError && r.ErrorCode != 0:
			if err := a.pauseSender(ctx, r); err != nil {
				return err
			}
		case r.Status == chat.Delivered || r.Status == chat.Read:
			arrived, at = append(arrived, r.Message), append(at, r.Participant)
		}
	}
	if len(arrived) == 0 {
		return nil
	}
	const q = `/* store.senderReceipts */
		UPDATE pauses p SET ended_at = now()
		WHERE p.ended_at IS NULL AND p.by_receipt AND EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS r(message_sid, participant_sid)
			JOIN messages m USING (message_sid) JOIN conversations c ON c.id = m.conversation_id
			WHERE c.sender = p.scope AND m.sending_at > p.since AND ` + theirs + `)`
	_, err := a.tx.Exec(ctx, q, arrived, at)
	return err
}

// pauseSender pauses the sender that a receipt speaks of; the first time is to
// be told.
func (a *applier) pauseSender(ctx context.Context, r chat.Receipt) error {
	why := &chat.TwilioError{Op: "deliver message", Code: r.ErrorCode}
	const q = `/* store.pauseSender */
		INSERT INTO pauses (scope, code, reason, probe_at, by_receipt)
		SELECT c.sender, $1, $2, now(), true FROM messages m JOIN conversations c ON c.id = m.conversation_id, (SELECT $4::text AS participant_sid) r
		WHERE m.message_sid = $3 AND m.sending_at IS NOT NULL AND ` + theirs + `
			AND NOT EXISTS (SELECT FROM pauses WHERE scope = c.sender AND ended_at > m.sending_at)
		ON CONFLICT (scope) WHERE ended_at IS NULL DO NOTHING`
	tag, err := a.tx.Exec(ctx, q, r.ErrorCode, why.Error(), r.Message, r.Participant)
	if err != nil {
		return fmt.Errorf("pause sender: %w", err)
	}
	if tag.RowsAffected() > 0 {
		a.paused = why.Error()
	}
	return nil
}

// earlyReceipts loads the receipts of messages that were not known when these came.
func (a *applier) earlyReceipts(ctx context.Context, sids []chat.MessageSID) ([]chat.Receipt, error) {
	const q = `/* store.earlyReceipts */ SELECT message_sid, participant_sid, status, error_code FROM receipts WHERE message_sid = ANY($1) ORDER BY at`
	rows, err := a.tx.Query(ctx, q, sids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r chat.Receipt, err error) {
		err = row.Scan(&r.Message, &r.Participant, &r.Status, &r.ErrorCode)
		return r, err
	})
}
