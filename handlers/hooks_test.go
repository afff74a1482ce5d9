package handlers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"textme/chat"
)

// signed adds a Standard Webhooks signature over hookBody.
func signed(id string, at time.Time, secret string) option {
	return func(r *http.Request) {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			panic(err)
		}
		timestamp := strconv.FormatInt(at.Unix(), 10)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + timestamp + "." + hookBody))
		r.Header.Set("Webhook-Id", id)
		r.Header.Set("Webhook-Timestamp", timestamp)
		r.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
}

const hookBody = `{"phone":"(201) 555-0123","name":"Zebedee Canary","consent":"yes","submission_id":"sub-1"}`

func TestSignedHookIsRecorded(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for range 2 {
		w := s.send("/hooks/forms/signed", jsonType, hookBody, signed("msg_1", start, webhookSecret), header("User-Agent", "Vendor/1"))
		wantStatus(t, w, http.StatusAccepted)
		if got, want := w.Body.String(), `{"status":"accepted"}`+"\n"; got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
	}
	if len(s.store.signups) != 1 {
		t.Fatalf("%d sign-ups recorded, want 1", len(s.store.signups))
	}
	got := s.store.signups[0]
	if got.VerifiedBy != chat.BySignature || got.DedupeKey != "hook:msg_1" || got.Phone != canaryPhone || got.Consent != chat.Checkbox {
		t.Errorf("recorded %+v", got)
	}
	if got.IP != (netip.Addr{}) || got.UserAgent != "" {
		t.Errorf("the vendor's address %v and agent %q were recorded as the person's", got.IP, got.UserAgent)
	}
}

func TestHookTokens(t *testing.T) {
	t.Parallel()
	bearer := header("Authorization", "Bearer "+canaryToken)
	tests := map[string]struct {
		target  string
		options []option
		status  int
	}{
		"in the path":          {"/hooks/forms/tokened/" + canaryToken, nil, 202},
		"in the header":        {"/hooks/forms/tokened", []option{bearer}, 202},
		"own header":           {"/hooks/forms/tokened", []option{header("X-Webhook-Token", canaryToken)}, 202},
		"none":                 {"/hooks/forms/tokened", nil, 404},
		"wrong":                {"/hooks/forms/tokened/x" + canaryToken, nil, 404},
		"twice":                {"/hooks/forms/tokened/" + canaryToken, []option{bearer}, 404},
		"in the query":         {"/hooks/forms/tokened?token=" + canaryToken, nil, 404},
		"of a disabled source": {"/hooks/forms/hookoff/" + canaryToken, nil, 404},
		"of another source":    {"/hooks/forms/signed/" + canaryToken, nil, 404},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			wantStatus(t, s.send(tt.target, jsonType, hookBody, tt.options...), tt.status)
			if tt.status != 202 {
				return
			}
			if got := s.store.signups[0]; got.VerifiedBy != chat.ByToken || got.DedupeKey != "hook:sub-1" {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

// Whoever proves nothing must not learn which sources there are.
func TestUnprovenHooksAreOneIdentical404(t *testing.T) {
	t.Parallel()
	s := newService(t)
	const other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
	answers := map[string]*httptest.ResponseRecorder{
		"unknown source":      s.send("/hooks/forms/nobody", jsonType, hookBody),
		"unknown, signed":     s.send("/hooks/forms/nobody", jsonType, hookBody, signed("m", start, webhookSecret)),
		"unknown, token":      s.send("/hooks/forms/nobody/"+canaryToken, jsonType, hookBody),
		"malformed key":       s.send("/hooks/forms/A%00", jsonType, hookBody),
		"disabled, signed":    s.send("/hooks/forms/hookoff", jsonType, hookBody, signed("m", start, webhookSecret)),
		"page, signed":        s.send("/hooks/forms/default", jsonType, hookBody, signed("m", start, webhookSecret)),
		"form, signed":        s.send("/hooks/forms/both", jsonType, hookBody, signed("m", start, webhookSecret)),
		"form, token":         s.send("/hooks/forms/both/"+canaryToken, jsonType, hookBody),
		"no proof":            s.send("/hooks/forms/signed", jsonType, hookBody),
		"wrong secret":        s.send("/hooks/forms/signed", jsonType, hookBody, signed("m", start, other)),
		"wrong secret, stale": s.send("/hooks/forms/signed", jsonType, hookBody, signed("m", start.Add(-time.Hour), other)),
		"body changed":        s.send("/hooks/forms/signed", jsonType, hookBody+" ", signed("m", start, webhookSecret)),
		"wrong token":         s.send("/hooks/forms/tokened/nope", jsonType, hookBody),
		"unreadable body":     s.send("/hooks/forms/tokened/nope", "text/plain", "{"),
		"html wanted":         s.send("/hooks/forms/tokened/nope", jsonType, hookBody, header("Accept", "text/html")),
	}
	want := answers["unknown source"]
	wantStatus(t, want, http.StatusNotFound)
	want.Header().Del("X-Request-Id") // random
	for name, w := range answers {
		w.Header().Del("X-Request-Id")
		if w.Code != want.Code || w.Body.String() != want.Body.String() {
			t.Errorf("%s: %d %q, want %d %q", name, w.Code, w.Body, want.Code, want.Body)
		}
		if diff := cmp.Diff(want.Header(), w.Header()); diff != "" {
			t.Errorf("%s: headers differ:\n%s", name, diff)
		}
	}
	if n := len(s.store.signups) + len(s.store.quarantined); n != 0 {
		t.Errorf("%d submissions kept without a proof", n)
	}
}

func TestStaleHook(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		age    time.Duration
		status int
	}{
		"just in time": {5 * time.Minute, 202},
		"too late":     {5*time.Minute + time.Second, 401},
		"too early":    {-5*time.Minute - time.Second, 401},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			w := s.send("/hooks/forms/signed", jsonType, hookBody, signed("m", start.Add(-tt.age), webhookSecret))
			wantStatus(t, w, tt.status)
		})
	}
}

func TestProvenHookIsNeverLost(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source, contentType, body string
		fields                    []string
	}{
		"no phone":              {"tokened", jsonType, `{"consent":"yes"}`, []string{"phone"}},
		"phone of nobody":       {"tokened", jsonType, `{"phone":"12345","consent":"yes"}`, []string{"phone"}},
		"two phones":            {"tokened", urlencoded, "phone=2015550123&phone=2015550124&consent=yes", []string{"phone"}},
		"no consent":            {"tokened", jsonType, `{"phone":"2015550123"}`, []string{"consent"}},
		"not json":              {"tokened", jsonType, `{"phone":`, []string{""}},
		"unknown content":       {"tokened", "text/csv", "2015550123", []string{""}},
		"no content":            {"tokened", "", "", []string{""}},
		"unreadable field path": {"broken", jsonType, hookBody, []string{""}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			w := s.send("/hooks/forms/"+tt.source+"/"+canaryToken, tt.contentType, tt.body)
			wantStatus(t, w, http.StatusAccepted)
			if !strings.Contains(w.Body.String(), `"status":"quarantined"`) {
				t.Errorf("answer %s", w.Body)
			}
			wantErrors(t, w, tt.fields...)
			if len(s.store.quarantined) != 1 || len(s.store.signups) != 0 {
				t.Errorf("quarantined %q, recorded %v", s.store.quarantined, s.store.signups)
			}
		})
	}
}

func TestHookBodies(t *testing.T) {
	t.Parallel()
	s := newService(t)
	contentType, body := multipartForm(t, map[string][]string{"phone": {"2015550123"}, "consent": {"on"}})
	for name, w := range map[string]*httptest.ResponseRecorder{
		"json":       s.send("/hooks/forms/tokened/"+canaryToken, jsonType, hookBody),
		"urlencoded": s.send("/hooks/forms/tokened/"+canaryToken, urlencoded, "phone=2015550123&consent=1"),
		"multipart":  s.send("/hooks/forms/tokened/"+canaryToken, contentType, body),
	} {
		if w.Code != http.StatusAccepted || !strings.Contains(w.Body.String(), "accepted") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	wantStatus(t, s.send("/hooks/forms/tokened/"+canaryToken, jsonType, strings.Repeat("x", 256<<10+1)), http.StatusRequestEntityTooLarge)
}

func TestVendorAskedForConsent(t *testing.T) {
	t.Parallel()
	s := newService(t)
	wantStatus(t, s.send("/hooks/forms/vendor/"+canaryToken, jsonType, `{"data":{"tel":2015550123}}`), http.StatusAccepted)
	if len(s.store.signups) != 1 || s.store.signups[0].Consent != chat.VendorForm {
		t.Errorf("recorded %v, quarantined %q", s.store.signups, s.store.quarantined)
	}
}

func TestHookWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	away := errors.Join(chat.ErrUnavailable, errors.New("connection refused"))
	tests := map[string]struct {
		source string
		fail   func(*fakeStore)
	}{
		"before the source is known": {"tokened", func(f *fakeStore) { f.err = away }},
		"unknown source":             {"nobody", func(f *fakeStore) { f.err = away }},
		"while recording":            {"tokened", func(f *fakeStore) { f.recordErr = away }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			tt.fail(s.store)
			w := s.send("/hooks/forms/"+tt.source+"/"+canaryToken, jsonType, hookBody)
			wantStatus(t, w, http.StatusServiceUnavailable)
			if w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
}
