package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// Another program may have added somebody else to a conversation of ours. Their
// receipts are kept like all others and say nothing about our customer.

// theirs tells whether the receipt r is about the customer of the conversation c: the
// participant that the row has now or had, or another that events tell to be or to have
// been the customer.
const theirs = `CASE WHEN r.participant_sid IN ('', c.participant_sid) OR r.participant_sid = ANY(c.former_participants) THEN true ELSE (
	SELECT coalesce(bool_or(e.payload ->> 'MessagingBinding.Address' = k.phone), false)
	FROM events e JOIN customers k ON k.id = c.customer_id
	WHERE e.conversation_sid = c.conversation_sid AND e.conversation_sid <> '' AND e.participant_sid = r.participant_sid
		AND e.type LIKE 'onParticipant%' AND e.error = '') END`

// withFormer are a row's former participants with the one that it is about to lose, if
// it has one.
const withFormer = `CASE WHEN participant_sid IS NULL OR participant_sid = ANY(former_participants) THEN former_participants
	ELSE array_append(former_participants, participant_sid) END`

// participantTold has receipts count that came before it was known who that participant
// of the conversation is.
func (a *applier) participantTold(ctx context.Context, row eventRow, e chat.Event) error {
	if e.Participant.SID == row.ParticipantSID {
		return nil
	}
	var b pgx.Batch
	late := queueLateReceipts(&b, row.ID, e.Participant.SID)
	if err := a.tx.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	return a.countLate(ctx, row, *late)
}

// queueLateReceipts lists, when the batch has been sent, the messages of a conversation
// that have receipts of the participant.
func queueLateReceipts(b *pgx.Batch, conversation uuid.UUID, participant chat.ParticipantSID) (messages *[]chat.MessageSID) {
	messages = new([]chat.MessageSID)
	const q = `/* store.lateReceipts */
		SELECT DISTINCT message_sid FROM messages m JOIN receipts r USING (message_sid)
		WHERE m.conversation_id = $1 AND r.participant_sid = $2`
	b.Queue(q, conversation, participant).Query(func(rows pgx.Rows) (err error) {
		*messages, err = pgx.CollectRows(rows, pgx.RowTo[chat.MessageSID])
		return err
	})
	return messages
}

// countLate has the receipts of the messages count, as far as they are the customer's.
func (a *applier) countLate(ctx context.Context, row eventRow, messages []chat.MessageSID) error {
	if len(messages) == 0 {
		return nil
	}
	var b pgx.Batch
	queueForward(&b, messages)
	if err := a.tx.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	return a.obeyReceipts(ctx, row, messages)
}
