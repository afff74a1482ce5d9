package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// senderReceipts learns from receipts whether senders, and the account, are fit. Calls
// with an unregistered sender go well, and every text is refused afterwards
// (https://www.twilio.com/docs/api/errors/30034): that pauses the sender, and a
// text of it that arrives ends the pause. So it is with the account, if that was
// suspended while texts were on their way (https://www.twilio.com/docs/api/errors/30002);
// its pause is over as soon as a carrier has anything else to say of a text.
// What was sent before the pause, or before the last one ended, says nothing about now,
// nor does a refusal of what was sent longer ago than tellsFor, which a poll may bring;
// nor does what became of a text on its way to somebody else in the conversation, who
// may be behind another sender.
func (a *applier) senderReceipts(ctx context.Context, receipts []chat.Receipt) error {
	var judged []chat.MessageSID // by a carrier
	var at []chat.ParticipantSID
	var arrived []bool
	for _, r := range receipts {
		class := chat.ExplainCode(r.ErrorCode).Class
		if r.ErrorCode != 0 && (class == chat.SenderError || class == chat.OperatorError) {
			if err := a.pause(ctx, r, class == chat.OperatorError); err != nil {
				return err
			}
		}
		well := r.Status == chat.Delivered || r.Status == chat.Read
		failed := r.Status == chat.Undelivered || r.Status == chat.FailedSend
		if well || failed && class != chat.OperatorError {
			judged, at, arrived = append(judged, r.Message), append(at, r.Participant), append(arrived, well)
		}
	}
	if len(judged) == 0 {
		return nil
	}
	const q = `/* store.senderReceipts */
		UPDATE pauses p SET ended_at = now()
		WHERE p.ended_at IS NULL AND p.by_receipt AND EXISTS (SELECT FROM unnest($1::text[], $2::text[], $3::boolean[]) AS r(message_sid, participant_sid, arrived)
			JOIN messages m USING (message_sid) JOIN conversations c ON c.id = m.conversation_id
			WHERE (p.scope = $4 OR p.scope = c.sender AND r.arrived) AND m.sending_at > p.since AND ` + theirs + `)`
	_, err := a.tx.Exec(ctx, q, judged, at, arrived, chat.AccountScope)
	return err
}

// tellsFor is how long after a text was sent a refusal of it says something about now.
const tellsFor = time.Hour

// pause stops the sender that a receipt speaks of, or the whole account; the first
// time is to be told.
func (a *applier) pause(ctx context.Context, r chat.Receipt, account bool) error {
	why := &chat.TwilioError{Op: "deliver message", Code: r.ErrorCode}
	const q = `/* store.pause */
		INSERT INTO pauses (scope, code, reason, probe_at, by_receipt)
		SELECT s.scope, $1, $2, now(), true FROM messages m JOIN conversations c ON c.id = m.conversation_id,
			LATERAL (SELECT CASE WHEN $5 THEN $6 ELSE c.sender END AS scope) s, (SELECT $4::text AS participant_sid) r
		WHERE m.message_sid = $3 AND m.sending_at > now() - $7::interval AND ` + theirs + `
			AND NOT EXISTS (SELECT FROM pauses WHERE scope = s.scope AND ended_at > m.sending_at)
		ON CONFLICT (scope) WHERE ended_at IS NULL DO NOTHING RETURNING scope, reason`
	var p chat.Pause
	began, err := optional(a.tx.QueryRow(ctx, q, r.ErrorCode, why.Error(), r.Message, r.Participant, account, chat.AccountScope, tellsFor).Scan(&p.Scope, &p.Reason))
	if err != nil {
		return fmt.Errorf("pause by receipt: %w", err)
	}
	if began && a.paused.Scope != chat.AccountScope { // that says more than a sender's
		a.paused = p
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
