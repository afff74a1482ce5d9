package templates

import (
	"bytes"
	"time"
)

// The fixtures are pages with every field set, as the handlers would fill
// them on a busy day.

var now = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

func source() Source {
	return Source{
		Key:        "harbour-dental",
		Business:   "Harbour Dental",
		TermsURL:   "https://harbour.example/terms",
		PrivacyURL: "https://harbour.example/privacy",
		Themed:     true,
	}
}

func disclosure() Disclosure {
	return Disclosure{
		Version: 3,
		Text: "I agree to receive appointment reminders and answers to my questions by text from Harbour Dental " +
			"at the number above. Consent is not a condition of purchase. Message frequency varies. Msg & data " +
			"rates may apply. Reply STOP to opt out, HELP for help.",
		SHA256: bytes.Repeat([]byte{0x9f, 0x08}, 16),
	}
}

func firstView() SignupPage {
	return SignupPage{
		Source:     source(),
		Pitch:      "Leave your number and we will text you within a minute to find a time that suits you.",
		PhoneHint:  "(201) 555-0123",
		Disclosure: disclosure(),
		FormToken:  "v1.k1.Zm9ybS10b2tlbg",
	}
}

func refusedView() SignupPage {
	p := firstView()
	p.Notice = "This page was open too long; please send it again."
	p.Errors = SignupErrors{
		Phone:   "Enter a mobile number with its area code, such as (201) 555-0123.",
		Name:    "Use at most 100 letters for the name.",
		Consent: "Tick the box so that we may text you.",
	}
	p.Phone = "555-01"
	p.Name = "Zoë O'Brien"
	return p
}

func failure() Failure {
	return Failure{
		Status:    503,
		Title:     "We cannot take sign-ups right now",
		Advice:    "Nothing you typed was lost by waiting: please send the form again in a minute.",
		RequestID: "01975f3e-7c1a-7d5e",
	}
}

func admin() Admin {
	return Admin{
		Username:  "rosa",
		CSRFToken: "csrf-8f2a",
		Now:       now,
		Alerts:    []string{"Sending from +1 (201) 555-0100 is paused: Twilio says the number is not registered (30034)."},
	}
}

func list() ConversationsPage {
	row := func(id, e164, name, state, reason string, ago time.Duration) ConversationRow {
		return ConversationRow{
			ID: id, Phone: Phone{E164: e164}, Name: name, Sender: "+12015550100",
			ConversationSID: "CH0a1b2c3d4e5f60718293a4b5c6d7e8f9",
			ParticipantSID:  "MB9f8e7d6c5b4a39281706f5e4d3c2b1a0",
			State:           state, Reason: reason, LastActivity: now.Add(-ago),
		}
	}
	pending := row("01975f3e-0002", "+12015550171", "Kwame Mensah", "pending", "", 20*time.Second)
	pending.ConversationSID, pending.ParticipantSID = "", ""
	revealed := row("01975f3e-0003", "+442079460958", "", "active", "", 3*time.Hour)
	revealed.Phone.Revealed = true
	return ConversationsPage{
		Admin: admin(),
		Query: "(201) 555",
		Rows: []ConversationRow{
			pending,
			row("01975f3e-0001", "+12015550123", "Zoë O'Brien", "active", "", 4*time.Minute),
			revealed,
			row("01975f3e-0004", "+12015550199", "Bartholomew Featherstonehaugh-Cholmondeley", "failed", "50407: Twilio does not accept this number as an address.", 26*time.Hour),
			row("01975f3e-0005", "+12015550144", "مريم", "closed", "closed in the Twilio Console", 40*24*time.Hour),
		},
		Before: "here-b", After: "here-a",
		Older: "older-cursor", Newer: "newer-cursor",
		SignupURL: "http://127.0.0.1:8080/s/default",
	}
}

func conversation() ConversationPage {
	return ConversationPage{
		Admin:           admin(),
		ID:              "01975f3e-0001",
		Phone:           Phone{E164: "+12015550123"},
		Name:            "Zoë O'Brien",
		Sender:          "+12015550100",
		ConversationSID: "CH0a1b2c3d4e5f60718293a4b5c6d7e8f9",
		ParticipantSID:  "MB9f8e7d6c5b4a39281706f5e4d3c2b1a0",
		UniqueName:      "textme-01975f3e-7c1a-7d5e-9b1f-3c2a4d5e6f70",
		State:           "active",
		Reason:          "re-added after the participant vanished",
		Handler:         "bot",
		OptedOutSince:   now.Add(-2 * time.Minute),
		Signups: []Signup{
			{At: now.Add(-26 * time.Hour), Source: "harbour-dental", Name: "Zoë O'Brien", DisclosureVersion: 3, Outcome: "admitted"},
			{At: now.Add(-25 * time.Hour), Source: "default", DisclosureVersion: 2, Outcome: "joined", Reason: "already in conversation"},
			{At: now.Add(-time.Minute), Source: "harbour-dental", Name: "Zoe", DisclosureVersion: 3, Outcome: "opted_out", Reason: "said STOP on 14 Mar"},
			{At: now, Source: "harbour-dental", Name: "Zoe", DisclosureVersion: 3},
		},
		Messages: []Message{
			{Author: "textme", Body: "Harbour Dental: hi Zoë! Ask us anything, or reply HOURS. Msg frequency varies. Msg & data rates may apply. HELP for help, STOP to opt out.", At: now.Add(-26 * time.Hour), Purpose: "welcome", Status: "delivered"},
			{Inbound: true, Author: "+12015550123", Body: "HOURS", At: now.Add(-25 * time.Hour)},
			{Author: "bot", Body: "We are open\nMon–Fri 8:00–18:00\nSat 9:00–13:00", At: now.Add(-25 * time.Hour), Purpose: "reply", Status: "read"},
			{Inbound: true, Author: "+12015550123", Body: "thanks 🙏 here is the x-ray", Files: []File{{Label: "xray.jpg (image/jpeg, 82 kB)", URL: "https://mcs.us1.twilio.com/v1/Services/IS0a1b2c3d4e5f60718293a4b5c6d7e8f9/Media/ME9f8e7d6c5b4a39281706f5e4d3c2b1a0/Content"}, {Label: "notes.pdf"}}, At: now.Add(-10 * time.Minute)},
			{Author: "rosa", Body: "Got it, the dentist will look at it today.", At: now.Add(-8 * time.Minute), Purpose: "agent", Status: "undelivered", ErrorCode: 30003, ErrorReason: "the handset is off or unreachable"},
			{Author: "rosa", Body: "Trying once more.", At: now.Add(-7 * time.Minute), Purpose: "agent", Status: "sending"},
			{Inbound: true, Author: "+12015550123", Body: "STOP", At: now.Add(-2 * time.Minute)},
		},
		Changes: []Change{{At: now.Add(-26 * time.Hour), What: "participant removed"}},
		Earlier: "earlier-cursor", Later: "later-cursor",
	}
}

// fullPages holds every page type with everything set.
func fullPages() map[string]Page {
	return map[string]Page{
		"signup":        firstView(),
		"signup-errors": refusedView(),
		"thanks":        ThanksPage{Source: source()},
		"consent":       ConsentPage{Source: source(), Disclosure: disclosure()},
		"error":         ErrorPage{failure()},
		"signin":        SigninPage{Username: "rosa", Next: "/admin/conversations", Error: "That username and password do not match."},
		"list":          list(),
		"conversation":  conversation(),
		"admin-error":   AdminErrorPage{admin(), failure()},
	}
}

// emptyPages holds the states in which a page has little to show.
func emptyPages() map[string]Page {
	quiet := Admin{Username: "rosa", Now: now}
	return map[string]Page{
		"signup-plain":       SignupPage{Source: Source{Key: "default", Business: "textme"}, Disclosure: disclosure(), FormToken: "t"},
		"list-none":          ConversationsPage{Admin: quiet, SignupURL: "http://127.0.0.1:8080/s/default"},
		"list-no-source":     ConversationsPage{Admin: quiet},
		"list-nothing-found": ConversationsPage{Admin: quiet, Query: "+1 201 555 9999"},
		"list-past-the-end":  ConversationsPage{Admin: quiet, Before: "b", Newer: "n"},
		"conversation-new":   ConversationPage{Admin: quiet, ID: "01975f3e-0009", Phone: Phone{E164: "+12015550123"}, State: "pending", Handler: "bot"},
		"signin-first":       SigninPage{},
	}
}
