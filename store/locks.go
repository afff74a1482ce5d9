package store

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// locked runs f in a transaction of the holder of the lease, with the person
// locked.
func (s *Store) locked(ctx context.Context, what string, lease chat.Lease, f func(pgx.Tx) error) error {
	return s.tx(ctx, what, func(tx pgx.Tx) error {
		var b pgx.Batch
		queueLockCustomerOf(&b, lease.ConversationID)
		queueFence(&b, lease, new(int64))
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		return f(tx)
	})
}

// lockSIDs takes the advisory lock of each conversation SID, in the given
// order; whoever writes about a conversation at Twilio and whoever makes it a
// row's wait for each other here.
func lockSIDs(ctx context.Context, tx pgx.Tx, sids []chat.ConversationSID) error {
	var b pgx.Batch
	queueLockSIDs(&b, sids)
	return tx.SendBatch(ctx, &b).Close()
}

// queueLockSIDs is lockSIDs in a batch: what comes after it waits for the locks.
func queueLockSIDs(b *pgx.Batch, sids []chat.ConversationSID) {
	const q = `/* store.lockSIDs */ SELECT pg_advisory_xact_lock(hashtextextended(sid, 0)) FROM unnest($1::text[]) AS sid`
	b.Queue(q, sids)
}

// lockCustomerOf locks the person of a conversation: a STOP and the send gate
// take turns here.
func lockCustomerOf(ctx context.Context, tx pgx.Tx, conversation uuid.UUID) error {
	var b pgx.Batch
	queueLockCustomerOf(&b, conversation)
	return tx.SendBatch(ctx, &b).Close()
}

// queueLockCustomerOf is lockCustomerOf in a batch: what comes after it waits
// for the lock, and sees what was committed before it was free.
func queueLockCustomerOf(b *pgx.Batch, conversation uuid.UUID) {
	const q = `/* store.lockCustomerOf */
		SELECT FROM customers WHERE id = (SELECT customer_id FROM conversations WHERE id = $1) FOR NO KEY UPDATE`
	b.Queue(q, conversation).QueryRow(func(row pgx.Row) error {
		err := row.Scan()
		if errors.Is(err, pgx.ErrNoRows) {
			return chat.ErrLeaseLost // the row is gone: nobody has a lease on it
		}
		return err
	})
}

// lockPhone locks the person with that number, if they are known.
func lockPhone(ctx context.Context, tx pgx.Tx, phone chat.Phone) error {
	const q = `/* store.lockPhone */ SELECT FROM customers WHERE phone = $1 FOR NO KEY UPDATE`
	_, err := tx.Exec(ctx, q, phone)
	return err
}
