-- Those that were taken out before there was the column: of the customer, unless the
-- event names somebody else, and found by polling, which looks for nobody else. Who was
-- in a pruned one is not known any more. A program of before that still runs beside this
-- one adds none.

-- +goose Up
UPDATE conversations c SET former_participants = c.former_participants ||
	ARRAY(SELECT sid FROM unnest(former.sids) AS sid WHERE sid <> ALL(c.former_participants))
FROM (
	SELECT e.conversation_sid, array_agg(DISTINCT e.participant_sid) AS sids
	FROM events e JOIN conversations r USING (conversation_sid) JOIN customers k ON k.id = r.customer_id
	WHERE e.type = 'onParticipantRemoved' AND e.applied_at IS NOT NULL AND e.error = '' AND e.participant_sid <> ''
		AND (e.via = 'poll' OR e.payload IS NOT NULL AND coalesce(e.payload ->> 'MessagingBinding.Address' = k.phone, true))
	GROUP BY e.conversation_sid) former
WHERE c.conversation_sid = former.conversation_sid;

-- +goose Down
-- The column goes.
SELECT 1;
