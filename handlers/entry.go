package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/forms"
	"textme/templates"
)

// The longest values kept.
const (
	maxName      = 100  // characters
	maxUserAgent = 512  // bytes; the rest is cut off
	maxReferer   = 2048 // bytes; a longer one is dropped
	maxKey       = 200  // bytes; a longer idempotency key is refused
)

// entry is one filled-in form on its way from fields to a sign-up.
type entry struct {
	source     chat.Source
	fields     forms.Fields
	verifiedBy chat.VerifiedBy
	dedupeKey  string
	token      string // the form token as sent, once it was found valid

	phone     chat.Phone
	typed     forms.Submission
	consented bool
	errs      []fieldError
}

// ours reports whether the form must be a page of ours: those carry a token. A
// website's own form has none, but its source has a page of ours, too.
func (e *entry) ours() bool {
	if e.source.Kind != chat.FormSource {
		return true
	}
	token, err := value(e.fields, templates.FormTokenField)
	return err != nil || token != ""
}

// trapped reports whether the field no person can see was filled in.
func (e *entry) trapped() bool {
	bait, err := value(e.fields, templates.HoneypotField)
	return err != nil || bait != ""
}

// readToken takes the form token as the proof and as the dedupe key. Without a
// valid one the visitor has to send the form again, and errs says so.
func (e *entry) readToken(p *pages) bool {
	var id string
	token, err := value(e.fields, templates.FormTokenField)
	if err == nil {
		id, err = p.readToken(e.source, token)
	}
	if err == nil {
		e.token, e.dedupeKey, e.verifiedBy = token, "token:"+id, chat.ByFormToken
		return true
	}
	message := "This page has changed since it was opened; please check it and send it again."
	if errors.Is(err, chat.ErrFormTokenExpired) {
		message = "This page was open too long; please send it again."
	}
	e.typed, _ = forms.Extract(e.fields, forms.DefaultMapping())
	e.fault(templates.FormTokenField, message)
	return false
}

// read fills the entry from its fields and collects what has to be mended. An
// error means that the source's own settings cannot be read.
func (e *entry) read() error {
	mapping := forms.DefaultMapping()
	if e.token == "" {
		var err error
		if mapping, err = mappingOf(e.source); err != nil {
			return err
		}
	}
	var faults []forms.FieldError
	e.typed, faults = forms.Extract(e.fields, mapping)
	for _, f := range faults {
		e.fault(f.Field, f.Message)
	}
	if !e.faulty(templates.PhoneField) {
		e.readPhone()
	}
	if utf8.RuneCountInString(e.typed.Name) > maxName {
		e.fault(templates.NameField, fmt.Sprintf("Use at most %d letters for the name.", maxName))
	}
	e.consented = e.typed.ConsentGiven
	vendorAsked := e.source.Kind == chat.WebhookSource && e.source.Settings.ConsentByUs == string(chat.VendorForm)
	if !e.consented && !vendorAsked {
		e.fault(templates.ConsentField, "Tick the box to agree, so that we may text you.")
	}
	return nil
}

func (e *entry) readPhone() {
	var err error
	if e.phone, err = chat.ParsePhone(e.typed.Phone, e.source.Region()); err != nil {
		e.fault(templates.PhoneField, "Enter a mobile number with its area code, or with + and its country code.")
	}
}

// fault adds an error to a field that has none yet.
func (e *entry) fault(field, message string) {
	if !e.faulty(field) {
		e.errs = append(e.errs, fieldError{field, message})
	}
}

func (e *entry) faulty(field string) bool {
	for _, f := range e.errs {
		if f.Field == field {
			return true
		}
	}
	return false
}

// page is the form as it was filled in. The tick is kept only for a page that
// showed this very disclosure, which is what a valid token says.
func (e *entry) page() templates.SignupPage {
	page := templates.SignupPage{Phone: e.typed.Phone, Name: e.typed.Name, Consented: e.consented && e.token != ""}
	page.Errors, page.Notice = signupErrors(e.errs)
	return page
}

// signup is the entry as a fact about a visitor in front of us.
func (e *entry) signup(c echo.Context, raw []byte, at time.Time) chat.Signup {
	r := c.Request()
	s := e.fact(raw, at)
	s.IP = clientIP(c)
	s.UserAgent = shortened(r.UserAgent(), maxUserAgent)
	if s.PageURL == "" {
		s.PageURL = refererOf(r)
	}
	return s
}

// fact is the entry as it came, without anything about the caller.
func (e *entry) fact(raw []byte, at time.Time) chat.Signup {
	s := chat.Signup{
		Source:     e.source,
		Phone:      e.phone,
		PhoneTyped: e.typed.Phone,
		Name:       e.typed.Name,
		PageURL:    e.typed.PageURL,
		Consent:    chat.Checkbox,
		VerifiedBy: e.verifiedBy,
		DedupeKey:  e.dedupeKey,
		Payload:    raw,
		At:         at,
	}
	if !e.consented {
		s.Consent = chat.VendorForm
	}
	return s
}

// mappingOf is where the source's forms have our fields: under our names, but
// for those the source names itself.
func mappingOf(s chat.Source) (forms.Mapping, error) {
	mapping := forms.DefaultMapping()
	named, err := json.Marshal(s.Settings.Fields)
	if err == nil {
		err = json.Unmarshal(named, &mapping)
	}
	if err != nil {
		return forms.Mapping{}, fmt.Errorf("read field paths of source %s: %w", s.Key, err)
	}
	return mapping, nil
}

// idempotencyKey is the caller's own key for this submission, "" for none
// (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
func idempotencyKey(r *http.Request) (string, error) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return "", nil
	}
	printable := func(r rune) bool { return r >= ' ' && r <= '~' }
	if len(keys) > 1 || keys[0] == "" || len(keys[0]) > maxKey || strings.TrimFunc(keys[0], printable) != "" {
		return "", errIdempotency
	}
	return "idem:" + keys[0], nil
}

// refererOf is the page the form was on, as far as the browser tells.
func refererOf(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || originOf(u) == "" || len(r.Referer()) > maxReferer {
		return ""
	}
	u.User, u.Fragment = nil, ""
	return u.String()
}

// shortened is s in valid UTF-8, without control characters (which headers may
// hold and text columns may not), at most limit bytes long.
func shortened(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return strings.ToValidUTF8(s[:min(len(s), limit)], "")
}
