package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"textme/chat"
)

func credentialsOf(username, password string) url.Values {
	return url.Values{"username": {username}, "password": {password}}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		form   url.Values
		status int
		action string
		actor  string
	}{
		"right":               {credentialsOf("rosa", canaryPassword), 303, actSignIn, "admin:rosa"},
		"wrong password":      {credentialsOf("rosa", "wrong"), 422, actSignInRefused, "admin:rosa"},
		"no password":         {credentialsOf("rosa", ""), 422, actSignInRefused, "admin:rosa"},
		"endless password":    {credentialsOf("rosa", strings.Repeat("x", 4096)), 422, actSignInRefused, "admin:rosa"},
		"unknown user":        {credentialsOf("nobody", canaryPassword), 422, actSignInRefused, "unknown"},
		"disabled user":       {credentialsOf("gone", canaryPassword), 422, actSignInRefused, "admin:gone"},
		"nobody":              {credentialsOf("", ""), 422, actSignInRefused, "unknown"},
		"NUL in the name":     {credentialsOf("rosa\x00", canaryPassword), 422, actSignInRefused, "unknown"},
		"endless name":        {credentialsOf(strings.Repeat("r", 4096), canaryPassword), 422, actSignInRefused, "unknown"},
		"two names":           {url.Values{"username": {"rosa", "gone"}, "password": {canaryPassword}}, 400, "", ""},
		"two passwords":       {url.Values{"username": {"rosa"}, "password": {canaryPassword, "x"}}, 400, "", ""},
		"nothing that we ask": {url.Values{"user": {"rosa"}}, 422, actSignInRefused, "unknown"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			w := s.post("/admin/sign-in", tt.form)
			wantStatus(t, w, tt.status)
			if got, want := len(w.Result().Cookies()) > 0, tt.status == 303; got != want {
				t.Errorf("cookies %v", w.Result().Cookies())
			}
			if tt.status == 422 && !strings.Contains(w.Body.String(), "That username and password do not match.") {
				t.Errorf("another answer:\n%s", w.Body)
			}
			if tt.action == "" {
				return
			}
			if len(s.store.audits) != 1 || s.store.audits[0].Action != tt.action || s.store.audits[0].Actor != tt.actor {
				t.Errorf("audited %+v", s.store.audits)
			}
		})
	}
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		public string
		want   http.Cookie
	}{
		"https": {"https://text.example", http.Cookie{Name: "__Host-textme", Secure: true}},
		"http":  {"http://127.0.0.1:8080", http.Cookie{Name: "textme"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, func(c *Config) { c.PublicURL = mustURL(t, tt.public) })
			jar, _ := s.signIn(t)
			tt.want.Path, tt.want.HttpOnly, tt.want.SameSite = "/", true, http.SameSiteLaxMode
			tt.want.MaxAge = int(chat.SessionLife.Seconds())
			if diff := cmp.Diff(tt.want, *jar[0], cmpopts.IgnoreFields(http.Cookie{}, "Value", "Raw")); diff != "" {
				t.Errorf("cookie (-want +got):\n%s", diff)
			}
			if len(jar[0].Value) < 43 { // 32 bytes
				t.Errorf("token %q is short", jar[0].Value)
			}
			for hash := range s.store.sessions {
				if strings.Contains(hash, jar[0].Value) || len(hash) != 32 {
					t.Error("the token itself is stored")
				}
			}
		})
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		after func(*testing.T, *service, []*http.Cookie, string)
		want  int
	}{
		"used in time": {func(_ *testing.T, s *service, jar []*http.Cookie, _ string) {
			for range 5 {
				s.clock.advance(chat.SessionIdle - time.Second)
				s.get("/admin/conversations", cookies(jar))
			}
		}, 200},
		"idle": {func(_ *testing.T, s *service, _ []*http.Cookie, _ string) { s.clock.advance(chat.SessionIdle) }, 303},
		"too old": {func(_ *testing.T, s *service, jar []*http.Cookie, _ string) {
			for range 25 {
				s.clock.advance(chat.SessionIdle - time.Minute)
				s.get("/admin/conversations", cookies(jar))
			}
		}, 303},
		"signed out": {func(t *testing.T, s *service, jar []*http.Cookie, csrf string) {
			w := s.post("/admin/sign-out", url.Values{"csrf_token": {csrf}}, cookies(jar))
			wantStatus(t, w, http.StatusSeeOther)
			if got := w.Result().Cookies()[0]; got.MaxAge >= 0 || got.Value != "" {
				t.Errorf("cookie is kept: %v", got)
			}
			if got := s.store.audits[len(s.store.audits)-1]; got.Action != actSignOut || got.Actor != "admin:rosa" {
				t.Errorf("audited %+v", got)
			}
		}, 303},
		"disabled": {func(_ *testing.T, s *service, _ []*http.Cookie, _ string) {
			rosa := s.store.admins["rosa"]
			rosa.Disabled = true
			s.store.admins["rosa"] = rosa
		}, 303},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			jar, csrf := s.signIn(t)
			tt.after(t, s, jar, csrf)
			wantStatus(t, s.get("/admin/conversations", cookies(jar)), tt.want)
		})
	}
}

func TestSignInMakesANewSession(t *testing.T) {
	t.Parallel()
	s := newService(t)
	planted, _ := s.signIn(t)
	w := s.post("/admin/sign-in", credentialsOf("rosa", canaryPassword), cookies(planted))
	wantStatus(t, w, http.StatusSeeOther)
	fresh := w.Result().Cookies()
	if fresh[0].Value == planted[0].Value {
		t.Error("the token the browser came with was kept")
	}
	wantStatus(t, s.get("/admin/conversations", cookies(planted)), http.StatusSeeOther)
	wantStatus(t, s.get("/admin/conversations", cookies(fresh)), http.StatusOK)
}

func TestMadeUpSessionCookies(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, v := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 4000), "%00"} {
		w := s.get("/admin/conversations", cookies([]*http.Cookie{{Name: "__Host-textme", Value: v}}))
		if w.Code != http.StatusSeeOther {
			t.Errorf("cookie %.20q: %d", v, w.Code)
		}
	}
}

func TestSignInLeadsBack(t *testing.T) {
	t.Parallel()
	s := newService(t)
	w := s.get("/admin/conversations?q=CH1&before=x")
	wantStatus(t, w, http.StatusSeeOther)
	page := mustURL(t, w.Header().Get("Location"))
	if page.Path != "/admin/sign-in" || page.Query().Get("next") != "/admin/conversations?q=CH1&before=x" {
		t.Errorf("sent to %s", page)
	}
	tests := map[string]string{
		"/admin/conversations?q=CH1&before=x": "/admin/conversations?q=CH1&before=x",
		"/admin/conversations/7":              "/admin/conversations/7",
		"":                                    "/admin/conversations",
		"https://evil.example/":               "/admin/conversations",
		"//evil.example/admin/conversations":  "/admin/conversations",
		"///evil.example":                     "/admin/conversations",
		"/\\evil.example":                     "/admin/conversations",
		"javascript:alert(1)":                 "/admin/conversations",
		"/admin/conversationsevil":            "/admin/conversations",
		"/admin/conversations\r\nX: y":        "/admin/conversations",
		"/admin/sign-out":                     "/admin/conversations",
	}
	for next, want := range tests {
		if got := nextPath(next); got != want {
			t.Errorf("nextPath(%q) = %q, want %q", next, got, want)
		}
	}
	form := credentialsOf("rosa", canaryPassword)
	form.Set("next", "//evil.example")
	w = s.post("/admin/sign-in", form)
	if got := w.Header().Get("Location"); got != "/admin/conversations" {
		t.Errorf("sent to %q", got)
	}
	wantStatus(t, s.get("/admin/sign-in", cookies(w.Result().Cookies())), http.StatusSeeOther)
}

func TestSignInWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	s := newService(t)
	jar, _ := s.signIn(t)
	s.store.fail(chat.ErrUnavailable)
	wantStatus(t, s.post("/admin/sign-in", credentialsOf("rosa", canaryPassword)), http.StatusServiceUnavailable)
	wantStatus(t, s.get("/admin/sign-in", cookies(jar)), http.StatusServiceUnavailable)
	wantStatus(t, s.get("/admin/conversations", cookies(jar)), http.StatusServiceUnavailable)
}

func TestPasswordChecksAreBounded(t *testing.T) {
	t.Parallel()
	s := newService(t)
	signin, err := newSignin(Config{Staff: s.store, Keyring: s.keys, Now: s.clock.Now}, nil, &sessions{})
	if err != nil {
		t.Fatal(err)
	}
	for range passwordChecks {
		signin.checking <- struct{}{}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := signin.check(gone, "rosa", canaryPassword); !errors.Is(err, errBusy) {
		t.Errorf("check while all are busy: %v, want %v", err, errBusy)
	}
	<-signin.checking
	if _, ok, err := signin.check(t.Context(), "rosa", canaryPassword); !ok || err != nil {
		t.Errorf("check with room: %t, %v", ok, err)
	}
}
