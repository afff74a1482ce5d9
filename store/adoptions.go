package store

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"textme/chat"
)

// SenderKnown reports whether sender is one of ours: a source uses it.
func (s *Store) SenderKnown(ctx context.Context, sender chat.Phone) (known bool, err error) {
	const q = `/* store.SenderKnown */ SELECT EXISTS (SELECT FROM sources WHERE sender = $1)`
	err = s.pool.QueryRow(ctx, q, sender).Scan(&known)
	return known, translate("sender known", err)
}

// Unheld reports whether no row has this conversation.
func (s *Store) Unheld(ctx context.Context, sid chat.ConversationSID) (unheld bool, err error) {
	const q = `/* store.Unheld */ SELECT NOT EXISTS (SELECT FROM conversations WHERE conversation_sid = $1)`
	err = s.pool.QueryRow(ctx, q, sid).Scan(&unheld)
	return unheld, translate("unheld", err)
}

// Held reports whether an open row has this conversation.
func (s *Store) Held(ctx context.Context, sid chat.ConversationSID) (held bool, err error) {
	const q = `/* store.Held */ SELECT EXISTS (SELECT FROM conversations WHERE conversation_sid = $1 AND state <> 'closed')`
	err = s.pool.QueryRow(ctx, q, sid).Scan(&held)
	return held, translate("held", err)
}

// AdoptConversation makes a row for a conversation that Twilio made when a
// customer texted us, and applies the events parked for it. If the pair's open
// row is pending and has no texts yet, its worker is woken instead: it will find
// the same conversation. An open row that is past that has lost the pair at
// Twilio, so it closes first, and its worker looks whether that is so; what it
// owes, the new row takes over. A conversation that has ended has the pair no
// longer: its row is closed from the beginning and touches no other. One that is a
// row's already, since a twin of the job was faster, is left at that.
func (s *Store) AdoptConversation(ctx context.Context, ad chat.Adoption) error {
	return s.tx(ctx, "adopt conversation", func(tx pgx.Tx) error {
		if err := lockSIDs(ctx, tx, []chat.ConversationSID{ad.SID}); err != nil {
			return err
		}
		const held = `/* store.AdoptConversation */ SELECT EXISTS (SELECT FROM conversations WHERE conversation_sid = $1)`
		var late bool
		if err := tx.QueryRow(ctx, held, ad.SID).Scan(&late); err != nil || late {
			return err
		}
		customer, err := upsertCustomer(ctx, tx, ad.Participant.Address)
		if err != nil {
			return err
		}
		var was openRow
		if ad.Ended == "" {
			var free bool
			if free, was, err = s.clearPair(ctx, tx, customer, ad.Participant.ProxyAddress, "replaced by a newer conversation at Twilio"); err != nil {
				return err
			}
			if !free {
				row := eventRow{ID: was.id, Phone: ad.Participant.Address, Sender: ad.Participant.ProxyAddress, ParticipantSID: ad.Participant.SID}
				return s.leaveParked(ctx, tx, row, ad.SID)
			}
		}
		const q = `/* store.AdoptConversation */
			INSERT INTO conversations (id, customer_id, sender, source_id, conversation_sid, participant_sid, state, adopted, reply_from_index,
				closed_at, failure_reason, live_at)
			VALUES ($1, $2, $3, (SELECT id FROM sources WHERE sender = $3 ORDER BY (disabled_at IS NULL) DESC, (key = 'default') DESC, created_at LIMIT 1),
				$4, nullif($5, ''), CASE $7 WHEN '' THEN 'active' ELSE 'closed' END, true, $6, CASE WHEN $7 <> '' THEN now() END, $7, CASE $7 WHEN '' THEN now() END)`
		id := newID()
		if _, err := tx.Exec(ctx, q, id, customer, ad.Participant.ProxyAddress, ad.SID, ad.Participant.SID, ad.ReplyFrom, ad.Ended); err != nil {
			return err
		}
		if was.owes {
			if err := s.inherit(ctx, tx, was.id, id); err != nil {
				return err
			}
		}
		if was.id != uuid.Nil { // what we know of this conversation may be out of date
			if err := s.wakeOne(ctx, tx, was.id); err != nil {
				return err
			}
		}
		if err := s.wakeOne(ctx, tx, id); err != nil { // its worker lists what was said, and sees to it that it is polled from now on
			return err
		}
		parked, err := parkedEvents(ctx, tx, ad.SID)
		if err != nil {
			return err
		}
		return s.applyParked(ctx, tx, ad.SID, parked)
	})
}

// openRow is the open row that clearPair found.
type openRow struct {
	id   uuid.UUID
	owes bool // it has closed and owes what another row is to take over now
}

// clearPair sees to the open row that the pair may have when it was seen in another
// conversation: that row is closed for the reason given, unless its worker is going
// to meet the other conversation and take it over. Then the pair is not free.
func (s *Store) clearPair(ctx context.Context, tx pgx.Tx, customer uuid.UUID, sender chat.Phone, reason string) (free bool, was openRow, err error) {
	const q = `/* store.clearPair */
		SELECT id, state, ` + hasTexts + ` FROM conversations c
		WHERE customer_id = $1 AND sender = $2 AND state <> 'closed' FOR NO KEY UPDATE`
	var id uuid.UUID
	var state chat.State
	var used bool
	found, err := optional(tx.QueryRow(ctx, q, customer, sender).Scan(&id, &state, &used))
	switch {
	case err != nil:
		return false, openRow{}, err
	case !found:
		return true, openRow{}, nil
	case state == chat.Pending && !used:
		return false, openRow{id: id}, s.wakeOne(ctx, tx, id)
	}
	owes, err := takeStock(ctx, tx, id)
	if err != nil {
		return false, openRow{}, err
	}
	sending, err := s.closeRow(ctx, tx, id, reason)
	if err != nil {
		return false, openRow{}, err
	}
	return true, openRow{id: id, owes: owes && !sending}, s.discardUnused(ctx, tx, id)
}

// discardUnused has the conversation at Twilio deleted, if nothing is in it by
// then, that we made, or may yet have made, for a row which now has the pair in
// another or has closed.
func (s *Store) discardUnused(ctx context.Context, tx pgx.Tx, conversation uuid.UUID) error {
	const q = `/* store.discardUnused */
		SELECT coalesce(conversation_sid, unique_name) FROM conversations c WHERE id = $1 AND NOT adopted
			AND (conversation_sid IS NOT NULL OR create_attempted_at IS NOT NULL)
			AND NOT EXISTS (SELECT FROM messages m WHERE m.conversation_id = c.id AND m.message_sid IS NOT NULL)`
	var unused chat.ConversationRef
	found, err := optional(tx.QueryRow(ctx, q, conversation).Scan(&unused))
	if err != nil || !found {
		return err
	}
	return s.enqueue(ctx, tx, []chat.Job{chat.DiscardJob{Conversation: unused}})
}

// Parked sums up what the conversation's parked events tell.
func (s *Store) Parked(ctx context.Context, sid chat.ConversationSID) (told chat.Parked, err error) {
	err = s.tx(ctx, "parked", func(tx pgx.Tx) error {
		parked, err := parkedEvents(ctx, tx, sid)
		if err != nil {
			return err
		}
		told = chat.Parked{}
		several := false
		var left []chat.ParticipantSID
		for i, row := range parked {
			if i == 0 {
				told.Since = row.ReceivedAt
			}
			e, err := s.read(row)
			switch {
			case err != nil: // one that cannot be read any more tells nothing
			case e.Type == chat.ParticipantAdded && e.Participant.Address != "":
				// Taken out and added again, a person has another SID.
				was, is := told.Customer, e.Participant
				several = several || was.SID != "" && (was.Address != is.Address || was.ProxyAddress != is.ProxyAddress)
				told.Customer = is
			case e.Type == chat.ParticipantRemoved:
				left = append(left, e.Participant.SID)
			}
		}
		if several {
			told.Customer = chat.RemoteParticipant{}
		}
		told.Left = slices.Contains(left, told.Customer.SID)
		return nil
	})
	return told, err
}

// DropParked forgets what a foreign conversation's parked events said.
func (s *Store) DropParked(ctx context.Context, sid chat.ConversationSID, reason string) error {
	return s.tx(ctx, "drop parked", func(tx pgx.Tx) error {
		const q = `/* store.DropParked */
			UPDATE events SET payload = NULL, pruned_at = now(), error = $2
			WHERE conversation_sid = $1 AND applied_at IS NULL AND error = ''`
		_, err := tx.Exec(ctx, q, sid, reason)
		return err
	})
}
