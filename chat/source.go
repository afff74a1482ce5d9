package chat

import (
	"regexp"

	"github.com/google/uuid"
)

// SourceKind is what sort of place sign-ups come from.
type SourceKind string

// The kinds of source.
const (
	PageSource    SourceKind = "page"    // the hosted sign-up page
	WidgetSource  SourceKind = "widget"  // the embeddable widget
	FormSource    SourceKind = "form"    // the website's own form
	WebhookSource SourceKind = "webhook" // a server or form vendor
)

// Source is a place sign-ups come from, as the doors need it.
type Source struct {
	ID                uuid.UUID
	Key               string // its name in URLs: a-z, 0-9 and -, at most 63
	Kind              SourceKind
	Business          string // named in the disclosure and the welcome text
	Sender            Phone
	Disclosure        string // what the visitor agrees to, as shown
	DisclosureVersion int64
	DisclosureSHA256  []byte
	Secrets           [][]byte // Standard Webhooks signing secrets, opened, newest first
	TokenHashes       [][]byte // SHA-256 of bearer tokens, newest first
	Origins           []string // exact web origins whose pages may post
	Disabled          bool
	Settings          SourceSettings
}

// SourceSettings is the part of a source that has no rules in the database.
// The zero value is usable: every field has a meaning when empty.
type SourceSettings struct {
	Welcome     string            `json:"welcome,omitempty"`     // "" = the built-in text
	Pitch       string            `json:"pitch,omitempty"`       // one sentence on the hosted page
	ThanksURL   string            `json:"thanks_url,omitempty"`  // where an own form goes afterwards; "" = our page
	TermsURL    string            `json:"terms_url,omitempty"`   // shown beside the disclosure
	PrivacyURL  string            `json:"privacy_url,omitempty"` // shown beside the disclosure
	Accent      string            `json:"accent,omitempty"`      // #rrggbb for the hosted page
	Region      string            `json:"region,omitempty"`      // how national numbers are read; "" = the sender's region
	ConsentByUs string            `json:"consent,omitempty"`     // "vendor": the vendor's form asked; "" = the consent field must say yes
	Fields      map[string]string `json:"fields,omitempty"`      // our field name -> path in the vendor's payload
}

var sourceKeyPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// ValidSourceKey reports whether key can name a source.
func ValidSourceKey(key string) bool { return sourceKeyPattern.MatchString(key) }

// Region is how a national number typed at this source is read.
func (s Source) Region() string {
	if s.Settings.Region != "" {
		return s.Settings.Region
	}
	return s.Sender.Region()
}
