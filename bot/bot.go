// Package bot is the chatbot as a pure function: what the customer wrote goes
// in, what the bot answers comes out, and nothing else happens. It reads no
// clock, no database and no network; the caller keeps the State between turns
// and sends the texts.
//
// A turn is a whole burst: everything the customer wrote since the last answer
// is read together and gets at most one text back. What the bot knows is a
// Script, a plain text file that a shop owner can edit: keywords with answers,
// words that ask for a human, and a fallback. ParseScript checks all of it up
// front, so that every text Reply can return is known to fit its segments.
//
// Opt-out, opt-in and HELP are decided before the bot sees a message, and a
// Script cannot claim those words. Everything a customer writes is data: it is
// compared with keywords and never copied into an answer. Two bots that face
// each other go quiet, because fallbacks, repeats and answers are counted.
package bot

import "time"

// Turn is what comes of one burst of customer texts.
type Turn struct {
	// Replies are the texts to send, in order: at most Script.MaxReplies of
	// at most Script.MaxSegments segments each. Empty means silence.
	Replies []string
	// HandOver says that the customer asked for a human. It is set even when
	// the answer to that request is held back.
	HandOver bool
	// Muted says that the bot had an answer and a limit held it back. That
	// is how a loop with another machine looks from here.
	Muted bool
	// State is the memory to pass to the next Reply for this customer.
	State State
}

// Reply answers one burst: texts in the order they were written, the last of
// them at time at. It is deterministic, keeps nothing, changes neither script
// nor state, and may be called concurrently with one script.
//
// Each text is matched by itself (see Script). A request for a human wins over
// everything else in the burst; otherwise the latest matched texts are
// answered, and a burst that matches nothing gets the fallback. After
// Script.MaxFallbacks fallbacks in a row the bot is silent until a keyword is
// answered; the same keyword answer is given at most Script.MaxRepeats times
// in a row, and at most 30 texts go out without a pause. A pause of six hours
// in the customer's texts starts all counts over; a zero at never does.
//
// A nil script and an empty burst are answered with silence.
func Reply(script *Script, state State, texts []string, at time.Time) Turn {
	if script == nil || len(texts) == 0 {
		return Turn{State: state}
	}
	turn := Turn{State: state.resume(at)}
	entries := script.choose(texts)
	for _, e := range entries {
		turn.HandOver = turn.HandOver || e.Agent
		turn.say(e.Answer, turn.State.allowsAnswer(e.id(), script.MaxRepeats))
	}
	if len(entries) == 0 {
		turn.say(script.Fallback, turn.State.allowsFallback(script.MaxFallbacks))
	}
	return turn
}

// say adds text to the replies if the state allowed it.
func (t *Turn) say(text string, allowed bool) {
	switch {
	case text == "":
	case allowed:
		t.Replies = append(t.Replies, text)
	default:
		t.Muted = true
	}
}
