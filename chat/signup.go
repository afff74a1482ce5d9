package chat

import (
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// ConsentAct is how the person said yes.
type ConsentAct string

// The consent acts.
const (
	Checkbox   ConsentAct = "checkbox" // a box, unticked before, was ticked
	VendorForm ConsentAct = "vendor"   // the vendor's own form asked, as configured
)

// VerifiedBy is how the caller proved where a sign-up came from.
type VerifiedBy string

// The proofs, from a page of ours down to nothing at all.
const (
	ByFormToken VerifiedBy = "form_token"
	ByOrigin    VerifiedBy = "origin"
	ByNothing   VerifiedBy = "none"
	BySignature VerifiedBy = "signature"
	ByToken     VerifiedBy = "token"
)

// Signup is one submission that the edge has found well-formed, on its way to
// being accepted. Recording it makes it evidence.
type Signup struct {
	Source     Source
	Phone      Phone
	PhoneTyped string // as it was typed
	Name       string // may be empty
	PageURL    string // where the form stood; may be empty
	IP         netip.Addr
	UserAgent  string
	Consent    ConsentAct
	VerifiedBy VerifiedBy
	// DedupeKey makes a repeated submission the same sign-up for ever: the
	// form token's ID, the vendor's submission ID or the Idempotency-Key.
	// When empty, the same content within DedupeWindow is the same sign-up.
	DedupeKey string
	Payload   []byte    // the submission as received; kept sealed
	At        time.Time // UTC
}

// DedupeWindow is how long the same content from the same source, without any
// key of its own, counts as the same submission.
const DedupeWindow = 10 * time.Minute

// Recorded says what became of a Signup at the door.
type Recorded struct {
	SignupID       uuid.UUID
	ConversationID uuid.UUID
	Duplicate      bool // this submission was recorded before; nothing changed
}

// Outcome is what an accepted sign-up came to.
type Outcome string

// The outcomes. Every accepted sign-up gets exactly one.
const (
	Admitted     Outcome = "admitted"    // passed everything; gets the welcome text
	Joined       Outcome = "joined"      // already in the conversation: no second welcome
	OptedOut     Outcome = "opted_out"   // the person said STOP; recorded, not texted
	Refused      Outcome = "refused"     // policy: not a number we text
	Capped       Outcome = "capped"      // a cap is reached
	Unconfirmed  Outcome = "unconfirmed" // confirmation was asked for and not given
	SignupFailed Outcome = "failed"      // admitted, but the number or Twilio refused for good
)
