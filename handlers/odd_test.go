package handlers

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"textme/chat"
)

// odd are inputs that have broken parsers before.
func odd() []string {
	return []string{
		"", "\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", "\ufeff{}", "{}", "[]", "null", "0", `"x"`, "{", "&", "=", "&&==&", "%", "%00",
		"a=%", ";", "phone=%00&consent=yes", "phone=%ff&name=%fe&consent=yes", "phone=+1201555\x000123&consent=yes",
		"phone=2015550123&consent=yes&name=%E2%80%AE%00", "phone=2015550123&consent=yes&page_url=http://%00/",
		`{"phone":"\ud800","consent":true}`, `{"phone":"2015550123\u0000","consent":true}`, `{"phone":1e400,"consent":1}`,
		`{"phone":[[[]]],"consent":{}}`, `{"":""}`, `{"phone":"` + strings.Repeat("\u200b", 9000) + `2015550123","consent":true}`,
		strings.Repeat("[", 10_000), strings.Repeat(`{"a":`, 10_000), strings.Repeat("a&", 20_000), strings.Repeat("1", 60_000),
		"--x\r\n\r\n", "--x\r\nContent-Disposition: form-data; name=\"phone\"\r\n\r\n1\x00\r\n--x--",
		"source=%00&phone=1", `{"source":"\u0000"}`, `{"source":{}}`, "username=%00&password=%00", "csrf_token=%00&id=%00&q=%00&before=%00",
	}
}

func contentTypes() []string {
	return []string{urlencoded, jsonType, "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "", ";", "\x00", "application/json; charset=utf-16"}
}

// Whatever is posted, every door answers it as the sender's mistake or takes
// it, and nothing that Postgres cannot hold reaches the store.
func TestOddInputIsNeverOurFault(t *testing.T) {
	t.Parallel()
	s := newService(t)
	jar, csrf := s.signIn(t)
	for _, r := range Routes() {
		for _, body := range odd() {
			for _, contentType := range contentTypes() {
				target := concrete(r.Path)
				if strings.HasPrefix(r.Path, "/hooks") {
					target = "/hooks/forms/tokened/" + canaryToken
				}
				options := []option{
					header("Content-Type", contentType), cookies(jar), header("User-Agent", body), header("Referer", body),
					header("Idempotency-Key", body), from("127.0.0.1:1"),
				}
				sent := body
				if strings.HasPrefix(r.Path, "/admin/conversations") {
					sent = "csrf_token=" + csrf + "&" + body
				}
				if r.Path == "/admin/sign-out" || r.Path == "/admin/sign-in" && body != "username=%00&password=%00" {
					continue // signs the test out; checks a password each time
				}
				w := s.do(r.Method, target, strings.NewReader(sent), options...)
				if w.Code >= 500 {
					t.Fatalf("%s %s with %q as %q: %d", r.Method, target, sent, contentType, w.Code)
				}
			}
		}
	}
	for _, recorded := range s.store.signups {
		wantStorable(t, recorded)
	}
	if len(s.store.signups) == 0 {
		t.Error("none of it was a sign-up: the inputs do not reach the store")
	}
}

func wantStorable(t *testing.T, s chat.Signup) {
	t.Helper()
	for _, text := range []string{s.PhoneTyped, s.Name, s.PageURL, s.UserAgent, s.DedupeKey, string(s.Phone)} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			t.Errorf("%q cannot be stored as text", text)
		}
	}
}

func FuzzSignup(f *testing.F) {
	for _, body := range odd() {
		for kind := range contentTypes() {
			f.Add(uint8(kind), []byte(body))
		}
	}
	var s *service
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		if s == nil {
			s = newService(t)
		}
		s.store.signups = nil
		types := contentTypes()
		for _, target := range []string{"/signup/form", "/hooks/forms/tokened/" + canaryToken} {
			w := s.do(http.MethodPost, target, bytes.NewReader(body), header("Content-Type", types[int(kind)%len(types)]))
			if w.Code >= 500 {
				t.Errorf("%s: %d", target, w.Code)
			}
		}
		for _, recorded := range s.store.signups {
			wantStorable(t, recorded)
		}
	})
}
