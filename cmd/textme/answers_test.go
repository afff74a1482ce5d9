package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"textme/bot"
	"textme/chat"
)

// misanswered lists where the answers are not the ones that the texts call for, each
// once. Which texts make a burst is a matter of time, and a burst gets one answer or, by
// the bot's limits, none. So every conversation must be divisible into bursts whose
// answers, by the default script, are those that stand there: no text is in two of them,
// and none is in none. A turn says which text is the last that it answers; where nothing
// was answered any division will do, and who has said STOP is not answered.
//
// Nobody may pause for hours or be handed over meanwhile. That the answers are at Twilio,
// byte for byte, others compare; any that is not must have been stopped by a STOP.
func misanswered(t *testing.T, db *pgxpool.Pool) (wrong []string) {
	t.Helper()
	script, err := bot.Default()
	must(t, err)
	const q = `SELECT conversation_id, direction = 'out', coalesce(turn, index) AS place, body,
			message_sid IS NOT NULL OR status = 'cancelled' AND reason = 'the person replied STOP'
		FROM messages WHERE direction = 'in' OR purpose = 'reply' ORDER BY conversation_id, place, direction, ordinal`
	rows, err := db.Query(t.Context(), q)
	must(t, err)
	var now, id uuid.UUID
	var ours, left bool
	var place, answers int
	var body string
	var c talker
	end := func() {
		if !c.stopped && !c.silent(c.waiting) {
			wrong = append(wrong, fmt.Sprintf("%s: nothing answers %q", now, c.waiting))
		}
	}
	_, err = pgx.ForEachRow(rows, []any{&id, &ours, &place, &body, &left}, func() error {
		if id != now {
			end()
			now, c = id, talker{script: script}
		}
		switch {
		case ours && !left:
			wrong = append(wrong, fmt.Sprintf("%s: the answer to text %d has not left", id, place))
			fallthrough
		case ours:
			if answers++; !c.answered(body) {
				wrong = append(wrong, fmt.Sprintf("%s: %q is not called for by %q, up to text %d", id, body, c.waiting, place))
			}
			c.waiting = nil
		case chat.ReadKeyword(body, false) == chat.Stop:
			c.stopped = true
		default:
			c.waiting = append(c.waiting, body)
		}
		return nil
	})
	must(t, err)
	end()
	if answers == 0 {
		wrong = append(wrong, "nobody was answered: that proves nothing")
	}
	t.Logf("%d answers", answers)
	return wrong
}

// talker is one who writes to the bot.
type talker struct {
	script  *bot.Script
	state   bot.State
	waiting []string // said since the last answer
	stopped bool
}

// answered reports whether the answer is what the bot says to the last of the waiting
// texts, having been silent about those before, and has the bot remember it.
func (c *talker) answered(answer string) bool {
	for i := range slices.Backward(c.waiting) {
		turn := c.hears(c.waiting[i:])
		if slices.Equal(turn.Replies, []string{answer}) && c.silent(c.waiting[:i]) {
			c.state = turn.State
			return true
		}
	}
	return false
}

// silent reports whether the texts can be divided into bursts that the bot is silent about.
func (c *talker) silent(texts []string) bool {
	upTo := make([]bool, len(texts)+1)
	upTo[0] = true
	for end := range len(texts) + 1 {
		for begin := end - 1; begin >= 0 && !upTo[end]; begin-- {
			upTo[end] = upTo[begin] && len(c.hears(texts[begin:end]).Replies) == 0
		}
	}
	return upTo[len(texts)]
}

func (c *talker) hears(burst []string) bot.Turn {
	return bot.Reply(c.script, c.state, burst, time.Now())
}
