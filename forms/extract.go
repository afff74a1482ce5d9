package forms

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mapping says where the fields of a submission stand in a source's forms. A
// zero Path means that the source does not have that field. Decoding JSON into
// a DefaultMapping changes only the fields the JSON names.
type Mapping struct {
	Phone        Path `json:"phone"`
	Name         Path `json:"name"`
	Consent      Path `json:"consent"`
	PageURL      Path `json:"page_url"`
	SubmissionID Path `json:"submission_id"`
}

// DefaultMapping finds each field under the name FieldError uses for it.
func DefaultMapping() Mapping {
	named := func(name string) Path {
		return Path{text: name, steps: []step{{keys: []string{name}}}}
	}
	return Mapping{
		Phone:        named("phone"),
		Name:         named("name"),
		Consent:      named("consent"),
		PageURL:      named("page_url"),
		SubmissionID: named("submission_id"),
	}
}

// Submission is what a posted form says, still as its sender typed it.
type Submission struct {
	// Phone is trimmed but not normalised; it may be no phone number at all.
	Phone string
	// Name is one line: white space and control characters are single
	// spaces. Empty if not given.
	Name string
	// Consent is the value of the consent field as sent, for the evidence.
	Consent string
	// ConsentGiven says that Consent is yes, on, true or 1, in any case.
	// Whether consent is needed is the caller's to decide.
	ConsentGiven bool
	// PageURL is the http or https address of the page with the form.
	// Anything else a page may claim is dropped, since nobody can mend it.
	PageURL string
	// SubmissionID is the sender's own id for this submission, the same when
	// it is sent again. Empty if there is none; too long a one is dropped,
	// so that the caller falls back to another way to recognise a repeat.
	SubmissionID string
}

// The longest values taken, in characters.
const (
	noLimit         = 0
	maxPhone        = 64
	maxName         = 200
	maxConsent      = 64
	maxPageURL      = 2048
	maxSubmissionID = 255
)

// Extract reads a submission from fields. The errors are in the order of the
// Mapping, at most one for each field: a phone that is missing, and any mapped
// field that has more than one value, is no plain value, or is too long. With
// errors the Submission holds what could be read and must not be acted on.
func Extract(fields Fields, mapping Mapping) (Submission, []FieldError) {
	x := extraction{fields: fields}
	var s Submission
	s.Phone = x.value("phone", "phone number", mapping.Phone, maxPhone)
	if s.Phone == "" && len(x.errs) == 0 {
		x.add("phone", "Enter a phone number, for example (415) 555-2671.")
	}
	s.Name = oneLine(x.value("name", "name", mapping.Name, maxName))
	s.Consent = x.value("consent", "answer about consent", mapping.Consent, maxConsent)
	s.ConsentGiven = isYes(s.Consent)
	s.PageURL = pageURL(x.value("page_url", "page address", mapping.PageURL, noLimit))
	s.SubmissionID = submissionID(x.value("submission_id", "submission ID", mapping.SubmissionID, noLimit))
	return s, x.errs
}

// extraction collects the errors of one Extract.
type extraction struct {
	fields Fields
	errs   []FieldError
}

// value returns the one value at path without white space around it, or "" and
// an error that calls the field label.
func (x *extraction) value(field, label string, path Path, limit int) string {
	value, err := x.fields.Value(path)
	value = strings.TrimSpace(value)
	switch {
	case errors.Is(err, ErrSeveralValues):
		x.add(field, "Send only one %s.", label)
	case err != nil:
		x.add(field, "Send the %s as plain text.", label)
	case limit != noLimit && utf8.RuneCountInString(value) > limit:
		x.add(field, "Enter a shorter %s, at most %d characters.", label, limit)
		return ""
	}
	return value
}

func (x *extraction) add(field, format string, args ...any) {
	x.errs = append(x.errs, FieldError{field, fmt.Sprintf(format, args...)})
}

func isYes(consent string) bool {
	switch strings.ToLower(consent) {
	case "yes", "on", "true", "1":
		return true
	}
	return false
}

func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

func pageURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || utf8.RuneCountInString(s) > maxPageURL || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return s
}

func submissionID(s string) string {
	if utf8.RuneCountInString(s) > maxSubmissionID {
		return ""
	}
	return s
}
