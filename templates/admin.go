package templates

import (
	"net/url"
	"time"
)

// Paths the admin pages link and post to.
const (
	SigninPath        = "/admin/sign-in"  // GET the page, POST username, password and next
	SignoutPath       = "/admin/sign-out" // POST
	ConversationsPath = "/admin/conversations"
	JobsPath          = "/admin/jobs" // the queue's page, which is not one of these

	// RevealPath takes POST id, q, before and after, and answers with the
	// same list, that one phone in full.
	RevealPath = ConversationsPath + "/reveal"
)

// ConversationPath is where the page of the conversation with that id stands.
// POST to ConversationPath(id) + "/reveal" answers with it, the phone in full.
func ConversationPath(id string) string { return ConversationsPath + "/" + url.PathEscape(id) }

// Admin is what every signed-in page carries.
type Admin struct {
	Username  string
	CSRFToken string    // sent as csrf_token by every POST form; empty leaves it out
	Now       time.Time // what "3 minutes ago" counts from
	Alerts    []string  // sentences for the banner, most urgent first
}

// SigninPage asks for username and password. Error must be the same sentence
// whatever was wrong.
type SigninPage struct {
	Username string // kept after a refused attempt
	Next     string // path to go to after signing in, sent back as next; may be empty
	Error    string
}

// ConversationsPage lists conversations, newest activity first, one page at a
// time.
type ConversationsPage struct {
	Admin

	Query string // the search, as typed; empty lists all
	Rows  []ConversationRow

	// Before and After are the cursors this page was asked for with, so that
	// Reveal answers with the same page.
	Before string
	After  string

	// Older and Newer are the cursors of the pages on either side, sent as
	// before and after. Empty means there is none.
	Older string
	Newer string

	// SignupURL is a sign-up page to try, shown while there is no
	// conversation at all. Empty if no source exists.
	SignupURL string
}

// ConversationRow is one conversation in the list.
type ConversationRow struct {
	ID              string
	Phone           Phone
	Name            string
	Sender          string // E.164
	ConversationSID string // CH…; empty until Twilio gave one
	ParticipantSID  string // MB…; empty until Twilio gave one
	State           string // pending, active, failed or closed
	Reason          string // why it is in that state; may be empty
	LastActivity    time.Time
}

// Path is where the row's conversation page stands.
func (r ConversationRow) Path() string { return ConversationPath(r.ID) }

// ConversationPage shows one conversation: its facts, its sign-ups and its
// transcript.
type ConversationPage struct {
	Admin

	ID              string
	Phone           Phone
	Name            string
	Sender          string // E.164
	ConversationSID string // CH…; empty until Twilio gave one
	ParticipantSID  string // MB…; empty until Twilio gave one
	UniqueName      string
	State           string // pending, active, failed or closed
	Reason          string // why it is in that state; may be empty
	Handler         string // bot or agent

	// OptedOutSince is when the person said STOP; zero if they may be texted.
	OptedOutSince time.Time

	Signups  []Signup
	Messages []Message // in the order they were said
	Changes  []Change  // what else Twilio told of the conversation, oldest first

	// Earlier and Later are the cursors of the transcript's pages on either
	// side, sent as before and after. Empty means there is none.
	Earlier string
	Later   string
}

// Path is where the page itself stands.
func (p ConversationPage) Path() string { return ConversationPath(p.ID) }

// Failed reports whether staff may have it tried again.
func (p ConversationPage) Failed() bool { return p.State == "failed" }

// OptedOut reports whether the person has said STOP and not START since.
func (p ConversationPage) OptedOut() bool { return !p.OptedOutSince.IsZero() }

// Signup is one accepted submission and what came of it.
type Signup struct {
	At                time.Time
	Source            string // its key
	Name              string // as typed; may be empty
	DisclosureVersion int64  // 0 if none was shown by us
	Outcome           string // admitted, joined, opted_out, …; empty while undecided
	Reason            string // may be empty
}

// Change is something that happened to a conversation at Twilio.
type Change struct {
	At   time.Time
	What string // in words
}

// Message is one text of the transcript.
type Message struct {
	// Inbound is a text from the person, shown under their name or masked
	// phone: what Twilio calls its author is the phone in full. Author is who
	// on our side wrote any other.
	Inbound bool
	Author  string

	Body    string
	Files   []File
	At      time.Time
	Purpose string // welcome, reply, …; may be empty

	// Status is the delivery state: queued, sending, accepted, sent,
	// delivered, read, undelivered, failed or cancelled for a text of ours;
	// received or empty for one of theirs.
	Status      string
	ErrorCode   int    // Twilio's; 0 is none
	ErrorReason string // the code in plain words; may be empty
}

// File is one that came with a text. It is linked, never shown: nothing of another
// host is loaded into a page.
type File struct {
	Label string // its name and what else is known of it
	URL   string // where it is at Twilio; empty if that is not known
}

// AdminErrorPage tells signed-in staff that a request was not answered.
type AdminErrorPage struct {
	Admin
	Failure
}

func (SigninPage) sources() []string        { return []string{"public.html", "signin.html"} }
func (ConversationsPage) sources() []string { return []string{"admin.html", "conversations.html"} }
func (ConversationPage) sources() []string  { return []string{"admin.html", "conversation.html"} }
func (AdminErrorPage) sources() []string    { return []string{"admin.html", "error.html"} }
