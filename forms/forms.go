// Package forms turns a posted form into plain values and says whether the
// sender may be believed. It is pure: bytes and headers in, values out; no
// clock, database or network, and it knows nothing of the rest of the program.
//
// A request goes through it in one direction. First the sender proves itself
// over the raw bytes, unparsed: by a Standard Webhooks signature
// (VerifyStandardWebhook) or by a token (RequestToken, MatchToken). Only then is
// the body read, within bounds, into Fields (ParseBody), and a Mapping says
// where phone, name and consent stand in them (Extract).
//
// A valid signature says that a form sent these bytes, not that what is in them
// is true: every value was typed by a stranger. Values are therefore never
// guessed. Where two places of a body could mean the same field, as in
// phone=1&phone=2, the answer is a FieldError and not a choice.
//
// Errors name positions, limits and field names, never contents, so that they
// can be logged.
package forms

// FieldError is one thing the person who filled in the form can mend.
type FieldError struct {
	// Field is our name for it: phone, name, consent, page_url or
	// submission_id.
	Field string
	// Message is a sentence for that person, in English.
	Message string
}
