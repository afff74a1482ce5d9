package chat

import "strings"

// DefaultDisclosure is what a visitor agrees to when the source has no text
// of its own. It names everything a form must say
// (https://www.twilio.com/docs/api/errors/30545 and the pages around it).
const DefaultDisclosure = "I agree to receive text messages from {business} about my request. " +
	"Message frequency varies. Message and data rates may apply. " +
	"Reply STOP to opt out, HELP for help. Consent is not a condition of any purchase."

// DefaultWelcome is the first text. A confirmation must name the business and
// say how to stop and get help, and that rates apply
// (https://www.twilio.com/docs/api/errors/30540).
const DefaultWelcome = "{business}: thanks for signing up! Text us here any time. " +
	"Msg frequency varies. Msg & data rates may apply. Reply HELP for help, STOP to opt out."

// ForBusiness puts the business's name into a text.
func ForBusiness(text, business string) string {
	return strings.ReplaceAll(text, "{business}", business)
}

// WelcomeText is the first text to somebody who signed up at the source.
func (s Source) WelcomeText() string {
	text := s.Settings.Welcome
	if text == "" {
		text = DefaultWelcome
	}
	return ForBusiness(text, s.Business)
}
