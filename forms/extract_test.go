package forms_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"textme/forms"
)

func TestExtract(t *testing.T) {
	t.Parallel()
	vendor := forms.Mapping{
		Phone:        path(t, "data.fields[type=INPUT_PHONE_NUMBER].value"),
		Name:         path(t, "data.fields[label=Name].value"),
		SubmissionID: path(t, "data.responseId"),
	}
	tests := []struct {
		name              string
		mapping           forms.Mapping
		contentType, body string
		want              forms.Submission
		errs              []forms.FieldError
	}{
		{
			name: "own form", mapping: forms.DefaultMapping(), contentType: typeForm,
			body: "phone=+(415)+555-2671+&name=+Ada%0D%0ALovelace%09%07&consent=Yes&page_url=https://shop.example/text-me%3Fa%3D1&submission_id=s1&more=x",
			want: forms.Submission{
				Phone: "(415) 555-2671", Name: "Ada Lovelace", Consent: "Yes", ConsentGiven: true,
				PageURL: "https://shop.example/text-me?a=1", SubmissionID: "s1",
			},
		},
		{
			name: "only a phone", mapping: forms.DefaultMapping(), contentType: typeJSON, body: `{"phone":15550000000}`,
			want: forms.Submission{Phone: "15550000000"},
		},
		{
			name: "a vendor's form", mapping: vendor, contentType: typeJSON,
			body: `{"data":{"responseId":"2wgx4n","fields":[{"label":"Phone","type":"INPUT_PHONE_NUMBER","value":"+55 (11) 98888-7777"},
				{"label":"Name","type":"INPUT_TEXT","value":"Ada"}]},"consent":"yes"}`,
			want: forms.Submission{Phone: "+55 (11) 98888-7777", Name: "Ada", SubmissionID: "2wgx4n"},
		},
		{
			name: "nothing", mapping: forms.DefaultMapping(), contentType: typeJSON, body: `{}`,
			errs: []forms.FieldError{{"phone", "Enter a phone number, for example (415) 555-2671."}},
		},
		{
			name: "blank phone", mapping: forms.DefaultMapping(), contentType: typeForm, body: "phone=+%09&name=Ada",
			want: forms.Submission{Name: "Ada"},
			errs: []forms.FieldError{{"phone", "Enter a phone number, for example (415) 555-2671."}},
		},
		{
			name: "no mapping", contentType: typeForm, body: "phone=1",
			errs: []forms.FieldError{{"phone", "Enter a phone number, for example (415) 555-2671."}},
		},
		{
			name: "every field twice", mapping: forms.DefaultMapping(), contentType: typeForm,
			body: "phone=1&name=a&consent=yes&page_url=https://a.example&submission_id=1&" +
				"phone=2&name=b&consent=no&page_url=https://b.example&submission_id=2",
			errs: []forms.FieldError{
				{"phone", "Send only one phone number."},
				{"name", "Send only one name."},
				{"consent", "Send only one answer about consent."},
				{"page_url", "Send only one page address."},
				{"submission_id", "Send only one submission ID."},
			},
		},
		{
			name: "the same value twice", mapping: forms.DefaultMapping(), contentType: typeForm, body: "phone=1&phone=1",
			errs: []forms.FieldError{{"phone", "Send only one phone number."}},
		},
		{
			name: "two phone questions", mapping: vendor, contentType: typeJSON,
			body: `{"data":{"fields":[{"type":"INPUT_PHONE_NUMBER","value":"1"},{"type":"INPUT_PHONE_NUMBER","value":"2"}]}}`,
			errs: []forms.FieldError{{"phone", "Send only one phone number."}},
		},
		{
			name: "objects", mapping: forms.DefaultMapping(), contentType: typeJSON, body: `{"phone":{"full":"1"},"consent":[["yes"]]}`,
			errs: []forms.FieldError{
				{"phone", "Send the phone number as plain text."}, {"consent", "Send the answer about consent as plain text."},
			},
		},
		{
			name: "too long", mapping: forms.DefaultMapping(), contentType: typeForm,
			body: fmt.Sprintf("phone=%065d&name=%0201d&consent=%065d&page_url=https://a.example/%02048d&submission_id=%0256d", 1, 1, 1, 1, 1),
			errs: []forms.FieldError{
				{"phone", "Enter a shorter phone number, at most 64 characters."},
				{"name", "Enter a shorter name, at most 200 characters."},
				{"consent", "Enter a shorter answer about consent, at most 64 characters."},
			},
		},
		{
			name: "as long as can be", mapping: forms.DefaultMapping(), contentType: typeForm,
			body: fmt.Sprintf("phone=%064d&name=%s&submission_id=%0255d", 1, strings.Repeat("é", 200), 1),
			want: forms.Submission{
				Phone: fmt.Sprintf("%064d", 1), Name: strings.Repeat("é", 200), SubmissionID: fmt.Sprintf("%0255d", 1),
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fields, err := forms.ParseBody(tt.contentType, []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			got, errs := forms.Extract(fields, tt.mapping)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("submission (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.errs, errs); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExtractConsent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		json string // the consent value
		want bool
	}{
		{`"yes"`, true},
		{`"YES"`, true},
		{`" On "`, true},
		{`"true"`, true},
		{`"1"`, true},
		{`true`, true},
		{`1`, true},
		{`["yes"]`, true},
		{`"no"`, false},
		{`"off"`, false},
		{`"false"`, false},
		{`"0"`, false},
		{`false`, false},
		{`0`, false},
		{`null`, false},
		{`""`, false},
		{`"y"`, false},
		{`"yes please"`, false},
		{`"I agree"`, false},
		{`1.0`, false},
		{`"y\u0000es"`, false},
		{`[]`, false},
	}
	for _, tt := range tests {
		got, errs := forms.Extract(jsonFields(t, `{"phone":"1","consent":`+tt.json+`}`), forms.DefaultMapping())
		if got.ConsentGiven != tt.want || len(errs) > 0 {
			t.Errorf("consent %s: given = %v, errors %v, want %v", tt.json, got.ConsentGiven, errs, tt.want)
		}
	}
}

func TestExtractPageURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ url, want string }{
		{"https://shop.example/a?b=c#d", "https://shop.example/a?b=c#d"},
		{" http://shop.example ", "http://shop.example"},
		{"javascript:alert(1)", ""},
		{"//shop.example/a", ""},
		{"/text-me", ""},
		{"https:///a", ""},
		{"data:text/html,x", ""},
		{"https://shop.example/\n", "https://shop.example/"},
		{"https://shop.example/\n/a", ""},
		{"about:srcdoc", ""},
	}
	for _, tt := range tests {
		body := fmt.Sprintf(`{"phone":"1","page_url":%q}`, tt.url)
		got, errs := forms.Extract(jsonFields(t, body), forms.DefaultMapping())
		if got.PageURL != tt.want || len(errs) > 0 {
			t.Errorf("page_url %q: got %q, errors %v, want %q", tt.url, got.PageURL, errs, tt.want)
		}
	}
}
