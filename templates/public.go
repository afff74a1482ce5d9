package templates

import "net/url"

// Source is the part of a source that its public pages show. Only Key and
// Business are needed.
type Source struct {
	Key      string // as in /s/{key}
	Business string // the brand named where consent is given

	// TermsURL and PrivacyURL are linked when not empty. Schemes other than
	// http, https and mailto come out as an inert link.
	TermsURL   string
	PrivacyURL string

	// Themed links /s/{key}/theme.css, to be answered with ThemeCSS.
	Themed bool
}

// SignupPath is where the source's sign-up page stands.
func (s Source) SignupPath() string { return "/s/" + url.PathEscape(s.Key) }

// ConsentPath is where the source's disclosure stands.
func (s Source) ConsentPath() string { return s.SignupPath() + "/consent" }

// ThemePath is where the source's colours stand.
func (s Source) ThemePath() string { return s.SignupPath() + "/theme.css" }

// ActionPath is where the source's sign-up form is sent.
func (s Source) ActionPath() string { return "/signup/" + url.PathEscape(s.Key) }

// Disclosure is one version of the text a person agrees to, as stored.
type Disclosure struct {
	Version int64
	Text    string
	SHA256  []byte // over Text exactly as shown
}

// Names of the sign-up form's fields, as they arrive in the POST.
const (
	PhoneField     = "phone"
	NameField      = "name"
	ConsentField   = "consent" // sent as "yes" when ticked
	FormTokenField = "form_token"
	HoneypotField  = "website" // out of sight: a person leaves it empty
)

// SignupPage is the hosted sign-up form: the first view, and the answer to a
// submission that has to be sent again. With neither Notice nor Errors set it
// is the first view.
type SignupPage struct {
	Source     Source
	Pitch      string // one sentence under the business name; may be empty
	PhoneHint  string // an example number as people there write it; may be empty
	Disclosure Disclosure
	FormToken  string

	// Notice says why the whole form has to be sent again when no single
	// field is to blame.
	Notice string
	Errors SignupErrors

	// Phone and Name are what the visitor typed, kept as typed.
	Phone string
	Name  string

	// Consented keeps the tick of a refused submission. Set it only when that
	// submission carried a valid form token and was shown this very
	// Disclosure: consent is the person's own act, so every first view is
	// unticked.
	Consented bool
}

// SignupErrors says what to mend, one sentence per field, empty where the
// field is fine.
type SignupErrors struct {
	Phone   string
	Name    string
	Consent string
}

// Any reports whether any field has to be mended.
func (e SignupErrors) Any() bool { return e != SignupErrors{} }

// ThanksPage answers every accepted sign-up. It has no field for the outcome:
// new, known, opted-out and refused phones must read the same.
type ThanksPage struct {
	Source Source
}

// ConsentPage shows a source's disclosure word for word, for people who want
// to read it again and for carriers who ask for proof of it.
type ConsentPage struct {
	Source     Source
	Disclosure Disclosure
}

// Failure is what an error page tells. Internal error text never belongs in it.
type Failure struct {
	Status    int    // HTTP status, shown small; 0 hides it
	Title     string // what happened; empty gives "Something went wrong"
	Advice    string // what to do now
	RequestID string // to quote when asking for help; empty hides it
}

// ErrorPage tells a visitor that a request was not answered.
type ErrorPage struct {
	Failure
}

func (SignupPage) sources() []string  { return []string{"public.html", "signup.html"} }
func (ThanksPage) sources() []string  { return []string{"public.html", "thanks.html"} }
func (ConsentPage) sources() []string { return []string{"public.html", "consent.html"} }
func (ErrorPage) sources() []string   { return []string{"public.html", "error.html"} }
