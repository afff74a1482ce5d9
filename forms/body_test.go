package forms_test

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"

	"textme/forms"
)

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// multipartBody writes values, and files under names that start with "file".
func multipartBody(t testing.TB, pairs ...[2]string) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range pairs {
		var err error
		if strings.HasPrefix(p[0], "file") {
			part, createErr := w.CreateFormFile(p[0], "photo.jpg")
			if createErr != nil {
				t.Fatal(createErr)
			}
			_, err = part.Write([]byte(p[1]))
		} else {
			err = w.WriteField(p[0], p[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

func TestParseBody(t *testing.T) {
	t.Parallel()
	multipartType, multipartRaw := multipartBody(t, [2]string{"name", "Ada"}, [2]string{"file", strings.Repeat("x", 100<<10)},
		[2]string{"phone", "+1 415\x00\xff"})
	tests := []struct {
		name, contentType, body string
		want                    string // value of phone
	}{
		{"JSON", typeJSON, `{"phone":"1"}`, "1"},
		{"JSON with charset", "Application/JSON; charset=UTF-8", `{"phone":"1"}`, "1"},
		{"JSON of a vendor", "application/vnd.form+json", `{"phone":"1"}`, "1"},
		{"JSON with white space around", typeJSON, " \r\n{\"phone\":\"1\"}\n\n", "1"},
		{"JSON with a byte order mark", typeJSON, "\uFEFF{\"phone\":\"1\"}", "1"},
		{"JSON, 32 levels", typeJSON, `{"phone":"1","a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, "1"},
		{"JSON with an escaped NUL", typeJSON, `{"phone":"1\u00002"}`, "1\uFFFD2"},
		{"JSON with half an emoji", typeJSON, `{"phone":"1\ud83d2"}`, "1\uFFFD2"},
		{"JSON with two wrong halves", typeJSON, `{"phone":"\udead\ud83d"}`, "\uFFFD\uFFFD"},
		{"JSON with invalid UTF-8", typeJSON, "{\"phone\":\"1\xff2\"}", "1\uFFFD2"},
		{"JSON keys that differ in case", typeJSON, `{"Phone":"2","phone":"1"}`, "1"},
		{"JSON keys repeated in other objects", typeJSON, `{"phone":"1","a":{"phone":"2"},"b":[{"phone":"3"}]}`, "1"},
		{"form", typeForm, "name=Ada&phone=%2B1+415", "+1 415"},
		{"form with empty parts", typeForm, "&&phone=1&", "1"},
		{"form with a name only", typeForm, "phone", ""},
		{"form with NUL and Latin-1", typeForm, "phone=%00Jos%E9", "\uFFFDJos\uFFFD"},
		{"empty form", typeForm, "", ""},
		{"multipart", multipartType, string(multipartRaw), "+1 415\uFFFD\uFFFD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fields, err := forms.ParseBody(tt.contentType, []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := fields.Value(path(t, "phone")); got != tt.want || err != nil {
				t.Errorf("phone = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestParseBodyDiscardsFiles(t *testing.T) {
	t.Parallel()
	contentType, body := multipartBody(t, [2]string{"file", "phone"}, [2]string{"phone", "1"})
	fields, err := forms.ParseBody(contentType, body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fields.Value(path(t, "file")); got != "" || err != nil {
		t.Errorf("file = %q, %v, want nothing", got, err)
	}
}

func TestParseBodyRefuses(t *testing.T) {
	t.Parallel()
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"k%d":0,`, i)
		}
		return "{" + strings.TrimSuffix(b.String(), ",") + "}"
	}
	var pairs [][2]string
	for i := range 65 {
		pairs = append(pairs, [2]string{fmt.Sprint("k", i), ""})
	}
	type64, body64 := multipartBody(t, pairs[:64]...)
	if _, err := forms.ParseBody(type64, body64); err != nil {
		t.Errorf("64 parts: %v", err)
	}
	type65, body65 := multipartBody(t, pairs...)
	if _, err := forms.ParseBody(typeJSON, []byte(keys(1000))); err != nil {
		t.Errorf("1000 keys: %v", err)
	}
	tests := []struct {
		name, contentType, body string
		want                    error
	}{
		{"no content type", "", `{}`, forms.ErrMediaType},
		{"plain text", "text/plain", `phone=1`, forms.ErrMediaType},
		{"XML", "application/xml", `<phone/>`, forms.ErrMediaType},
		{"text that ends in +json", "text/x+json", `{}`, forms.ErrMediaType},
		{"broken content type", "application/json; =", `{}`, forms.ErrMediaType},
		{"two content types", "application/json, text/plain", `{}`, forms.ErrMediaType},
		{"UTF-16 charset", "application/json; charset=utf-16", `{}`, forms.ErrMediaType},
		{"Latin-1 charset", typeForm + "; charset=ISO-8859-1", `phone=1`, forms.ErrMediaType},
		{"too large", typeJSON, `"` + strings.Repeat("a", forms.MaxBodyBytes) + `"`, forms.ErrTooLarge},
		{"too large, whatever it is", "", strings.Repeat("a", forms.MaxBodyBytes+1), forms.ErrTooLarge},
		{"empty JSON", typeJSON, "", forms.ErrMalformed},
		{"JSON text", typeJSON, `"phone"`, forms.ErrMalformed},
		{"JSON null", typeJSON, `null`, forms.ErrMalformed},
		{"JSON number", typeJSON, `15550000000`, forms.ErrMalformed},
		{"JSON cut off", typeJSON, `{"phone":"1"`, forms.ErrMalformed},
		{"JSON cut off in a list", typeJSON, `{"phone":[`, forms.ErrMalformed},
		{"JSON twice", typeJSON, `{"phone":"1"}{"phone":"2"}`, forms.ErrMalformed},
		{"JSON with a tail", typeJSON, `{"phone":"1"}]`, forms.ErrMalformed},
		{"JSON with a trailing comma", typeJSON, `{"phone":"1",}`, forms.ErrMalformed},
		{"JSON with a comment", typeJSON, `{/**/"phone":"1"}`, forms.ErrMalformed},
		{"JSON with single quotes", typeJSON, `{'phone':'1'}`, forms.ErrMalformed},
		{"JSON with a bare key", typeJSON, `{phone:"1"}`, forms.ErrMalformed},
		{"JSON with a number for a key", typeJSON, `{1:"1"}`, forms.ErrMalformed},
		{"JSON with NaN", typeJSON, `{"phone":NaN}`, forms.ErrMalformed},
		{"JSON with a raw NUL", typeJSON, "{\"phone\":\"1\x00\"}", forms.ErrMalformed},
		{"JSON in UTF-16", typeJSON, "\xff\xfe{\x00}\x00", forms.ErrMalformed},
		{"JSON in UTF-16 without a mark", typeJSON, "\x00{\x00}", forms.ErrMalformed},
		{"two byte order marks", typeJSON, "\uFEFF\uFEFF{}", forms.ErrMalformed},
		{"key twice", typeJSON, `{"phone":"1","phone":"1"}`, forms.ErrMalformed},
		{"key twice, once escaped", typeJSON, `{"phone":"1","\u0070hone":"2"}`, forms.ErrMalformed},
		{"key twice, inside", typeJSON, `{"a":[{"b":1,"b":2}]}`, forms.ErrMalformed},
		{"key twice after cleaning", typeJSON, `{"a\u0000":1,"a\ud800":2}`, forms.ErrMalformed},
		{"33 levels", typeJSON, strings.Repeat("[", 33) + strings.Repeat("]", 33), forms.ErrMalformed},
		{"33 levels of objects", typeJSON, strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), forms.ErrMalformed},
		{"1001 keys", typeJSON, keys(1001), forms.ErrMalformed},
		{"1001 elements", typeJSON, "[" + strings.Repeat("0,", 1000) + "0]", forms.ErrMalformed},
		{"1001 pairs", typeForm, strings.Repeat("a=1&", 1000) + "a=1", forms.ErrMalformed},
		{"bad escape", typeForm, "phone=%zz", forms.ErrMalformed},
		{"bare semicolon", typeForm, "phone=1;phone=2", forms.ErrMalformed},
		{"65 parts", type65, string(body65), forms.ErrMalformed},
		{"no boundary", "multipart/form-data", string(body64), forms.ErrMalformed},
		{"other boundary", "multipart/form-data; boundary=x", string(body64), forms.ErrMalformed},
		{"multipart cut off", type64, string(body64[:len(body64)-10]), forms.ErrMalformed},
		{"multipart cut off after a part", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=phone\r\n\r\n1\r\n--x\r\n", forms.ErrMalformed},
		{"part without a name", "multipart/form-data; boundary=x", "--x\r\n\r\n1\r\n--x--\r\n", forms.ErrMalformed},
		{"empty multipart", type64, "", forms.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := forms.ParseBody(tt.contentType, []byte(tt.body))
			if !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestParseBodyErrorsHoldNoContents(t *testing.T) {
	t.Parallel()
	const canary = "4155552671"
	tests := []struct{ name, contentType, body string }{
		{"JSON", typeJSON, `{"` + canary + `":` + canary + `x}`},
		{"JSON key twice", typeJSON, `{"` + canary + `":1,"` + canary + `":2}`},
		{"form", typeForm, "phone=%" + canary + "%zz"},
		{"form with semicolons", typeForm, canary + ";" + canary},
		{"multipart header", "multipart/form-data; boundary=x", "--x\r\n" + canary + "\r\n\r\n1\r\n--x--\r\n"},
		{"content type", "application/json; " + canary, `{}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := forms.ParseBody(tt.contentType, []byte(tt.body))
			if err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("err = %v, want one that does not quote the body", err)
			}
		})
	}
}
