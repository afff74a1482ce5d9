package forms_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"textme/forms"
)

// FuzzBody checks that a body is either refused with one of the documented
// errors or yields values that can be stored, within bounds; and for JSON that
// encoding/json reads the same phone.
func FuzzBody(f *testing.F) {
	const multipartType = "multipart/form-data; boundary=x"
	for _, seed := range []struct{ contentType, body string }{
		{typeJSON, `{"phone":"+14155552671","name":"Ada","consent":true,"a":[{"b":1.50},null]}`},
		{typeJSON, "\uFEFF[{\"phone\":\"\\u0000\\ud800\"}]"},
		{typeJSON, `{"phone":1,"phone":2}`},
		{typeJSON, `{"phone":[["\ud83d\ude00"]]}`},
		{typeForm, "phone=%2B1+415&phone=%00&a[b]=1;"},
		{multipartType, "--x\r\nContent-Disposition: form-data; name=phone\r\n\r\n1\r\n--x--\r\n"},
		{multipartType, "--x\r\nContent-Disposition: form-data; name=f; filename=f\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=3\r\n--x--"},
		{"text/plain; charset=x", "phone"},
	} {
		f.Add(seed.contentType, []byte(seed.body))
	}
	mapping := forms.DefaultMapping()
	mapping.Name = path(f, "a[0].b")
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		start := time.Now()
		fields, err := forms.ParseBody(contentType, body)
		if err != nil {
			if !errors.Is(err, forms.ErrTooLarge) && !errors.Is(err, forms.ErrMediaType) && !errors.Is(err, forms.ErrMalformed) {
				t.Fatalf("undocumented error %v", err)
			}
			return
		}
		s, errs := forms.Extract(fields, mapping)
		if took := time.Since(start); took > time.Second {
			t.Fatalf("took %v", took)
		}
		for _, value := range []string{s.Phone, s.Name, s.Consent, s.PageURL, s.SubmissionID} {
			if !utf8.ValidString(value) || strings.ContainsRune(value, 0) || utf8.RuneCountInString(value) > 2048 {
				t.Fatalf("value %q cannot be stored", value)
			}
		}
		if s.Phone == "" && len(errs) == 0 {
			t.Fatal("no phone and no error")
		}
		phone, err := fields.Value(mapping.Phone)
		if want, ok := phoneByEncodingJSON(body); ok && strings.HasPrefix(contentType, typeJSON) && (phone != want || err != nil) {
			t.Fatalf("phone = %q, %v, encoding/json reads %q", phone, err, want)
		}
	})
}

// phoneByEncodingJSON returns a phone that is a string or a number.
func phoneByEncodingJSON(body []byte) (phone string, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\uFEFF"))))
	dec.UseNumber()
	var members map[string]any
	if err := dec.Decode(&members); err != nil {
		return "", false
	}
	switch v := members["phone"].(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", "\uFFFD"), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}
