package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"textme/chat"
)

// optedOutCode on a receipt is Twilio refusing a send because the person said
// STOP to it: the same as hearing it ourselves
// (https://www.twilio.com/docs/api/errors/21610), before the second in which the
// receipt was made; texts of that second count as later (saidAt).
const optedOutCode = 21610

// applyReceipts keeps every receipt and moves the messages they are about
// forward, as far as they are about the customer.
func (a *applier) applyReceipts(ctx context.Context, events []chat.Event) error {
	var sids []chat.MessageSID
	var fresh []chat.Receipt
	var batch pgx.Batch
	for _, e := range events {
		r := e.Receipt
		if r.Message == "" {
			continue
		}
		const q = `/* store.applyReceipts */
			INSERT INTO receipts (message_sid, participant_sid, receipt_sid, channel_sid, status, error_code, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`
		batch.Queue(q, r.Message, r.Participant, r.SID, r.Channel, r.Status, r.ErrorCode, r.At).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 {
				return nil
			}
			fresh = append(fresh, r)
			a.found(lostReceipt, e, r.At)
			return nil
		})
		sids = append(sids, r.Message)
	}
	if len(sids) == 0 {
		return nil
	}
	queueForward(&batch, sids)
	if err := a.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	if err := a.senderReceipts(ctx, fresh); err != nil {
		return err
	}
	for _, e := range events {
		if e.Receipt.ErrorCode != optedOutCode {
			continue
		}
		if err := a.obeyReceipts(ctx, a.rows[e.SID], []chat.MessageSID{e.Receipt.Message}); err != nil {
			return err
		}
	}
	return nil
}

// obeyReceipts records that the customer has opted out, if receipts of the messages say
// so of them.
func (a *applier) obeyReceipts(ctx context.Context, row eventRow, messages []chat.MessageSID) error {
	const q = `/* store.obeyReceipts */
		SELECT r.message_sid, r.at FROM receipts r, conversations c
		WHERE c.id = $1 AND r.message_sid = ANY($2) AND r.error_code = $3 AND ` + theirs
	rows, err := a.tx.Query(ctx, q, row.ID, messages, optedOutCode)
	if err != nil {
		return err
	}
	var r chat.Receipt
	var refusals []chat.Receipt
	_, err = pgx.ForEachRow(rows, []any{&r.Message, &r.At}, func() error {
		refusals = append(refusals, r)
		return nil
	})
	if err != nil || len(refusals) == 0 {
		return err
	}
	if err := lockCustomerOf(ctx, a.tx, row.ID); err != nil {
		return err
	}
	for _, r := range refusals {
		if err := a.optOut(ctx, a.tx, row.Phone, r.At.Truncate(time.Second), "receipt", string(r.Message)); err != nil {
			return err
		}
	}
	return nil
}

// catchUp makes messages that are surely at Twilio accepted, and has the receipts
// count that were faster than the events that tell of them. One that failed with a
// reason was given up by us: a receipt's failure has only a code.
func (a *applier) catchUp(ctx context.Context, sent []chat.Event) error {
	if len(sent) == 0 {
		return nil
	}
	sids := make([]chat.MessageSID, len(sent))
	for i, e := range sent {
		sids[i] = e.Message.SID
	}
	const q = `/* store.catchUp */
		UPDATE messages SET status = 'accepted', error_code = 0, reason = ''
		WHERE message_sid = ANY($1) AND (status IN ('queued', 'sending', 'cancelled') OR status = 'failed' AND reason <> '')`
	var b pgx.Batch
	b.Queue(q, sids)
	moved := queueForward(&b, sids)
	if err := a.tx.SendBatch(ctx, &b).Close(); err != nil || !*moved {
		return err
	}
	receipts, err := a.earlyReceipts(ctx, sids)
	if err != nil {
		return err
	}
	for _, r := range receipts {
		if r.ErrorCode != optedOutCode {
			continue
		}
		e := sent[slices.Index(sids, r.Message)]
		if err := a.obeyReceipts(ctx, a.rows[e.SID], []chat.MessageSID{r.Message}); err != nil {
			return err
		}
	}
	return a.senderReceipts(ctx, receipts)
}

// queueForward moves each message on to the furthest status of the customer's
// receipts, never back, and reports, when the batch has been sent, whether it moved any.
func queueForward(b *pgx.Batch, sids []chat.MessageSID) (moved *bool) {
	moved = new(bool)
	const q = `/* store.forward */
		UPDATE messages m SET status = r.status, error_code = r.error_code
		FROM (SELECT DISTINCT ON (r.message_sid) r.message_sid, r.status, r.error_code
			FROM receipts r JOIN messages t USING (message_sid) JOIN conversations c ON c.id = t.conversation_id
			WHERE r.message_sid = ANY($1) AND ` + theirs + `
			ORDER BY r.message_sid, array_position($2::text[], r.status) DESC) r
		WHERE m.message_sid = r.message_sid AND array_position($2, m.status) < array_position($2, r.status)`
	b.Queue(q, sids, chat.DeliveryOrder()).Exec(func(tag pgconn.CommandTag) error {
		*moved = tag.RowsAffected() > 0
		return nil
	})
	return moved
}
