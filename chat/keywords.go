package chat

import "strings"

// Keyword is what a text with a legal meaning asks for.
type Keyword string

// The keywords.
const (
	NoKeyword Keyword = ""
	Stop      Keyword = "stop"
	Start     Keyword = "start"
	Help      Keyword = "help"
)

// keywords are Twilio's default words for long codes
// (https://help.twilio.com/articles/223134027). Twilio answers them itself;
// we obey them and stay silent.
var keywords = map[string]Keyword{
	"STOP": Stop, "UNSUBSCRIBE": Stop, "END": Stop, "QUIT": Stop, "STOPALL": Stop,
	"REVOKE": Stop, "OPTOUT": Stop, "CANCEL": Stop,
	"START": Start, "YES": Start, "UNSTOP": Start,
	"HELP": Help, "INFO": Help,
}

// ReadKeyword finds the keyword a text consists of, in any case and with
// spaces and closing punctuation around it. YES counts as Start only for
// somebody who is opted out: anybody else is answering a question. A text that
// asks for no more texts in other words (see WantsOut) is Stop too; Twilio does
// not answer that one, and neither do we.
func ReadKeyword(text string, optedOut bool) Keyword {
	word := strings.ToUpper(strings.Trim(text, " \t\r\n.,!?\"'"))
	k := keywords[word]
	switch {
	case word == "YES" && !optedOut:
		return NoKeyword
	case k == NoKeyword && WantsOut(text):
		return Stop
	default:
		return k
	}
}
