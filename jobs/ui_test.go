package jobs

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"textme/chat"
)

// The page and its interface work under their prefix and a policy that allows
// nothing inline but the one stylesheet with a fresh nonce.
func TestUI(t *testing.T) {
	t.Parallel()
	q, pool := newTestQueue(t)
	enqueue(t, q, pool, chat.AdvanceJob{ConversationID: uuid.New()})
	ended(t, pool, 1, "discarded")
	ui, err := NewUI(q, "/admin/jobs", slog.New(slog.DiscardHandler))
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	must(t, ui.Start(ctx))
	ask := func(method, target, body string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		r.Header.Set("Range", "bytes=0-9")
		w := httptest.NewRecorder()
		ui.ServeHTTP(w, r)
		return w
	}
	nonces := map[string]bool{}
	for _, target := range []string{"/admin/jobs/", "/admin/jobs/queues/default"} {
		w := ask("GET", target, "")
		policy := w.Header().Get("Content-Security-Policy")
		nonce := regexp.MustCompile(`style-src 'self' 'nonce-([A-Z2-7]{20,})' 'sha256-[A-Za-z0-9/+=]{44}'; `).FindStringSubmatch(policy)
		if nonce == nil || strings.Contains(policy, "unsafe") || nonces[nonce[1]] {
			t.Fatalf("%s: policy %q, want a fresh nonce and nothing unsafe", target, policy)
		}
		nonces[nonce[1]] = true
		page := w.Body.String()
		if w.Code != http.StatusOK || !strings.Contains(page, `nonce="`+nonce[1]+`"> </style></head>`) || !strings.HasSuffix(strings.TrimSpace(page), "</html>") {
			t.Errorf("%s: %d\n%s", target, w.Code, page)
		}
		for _, inline := range regexp.MustCompile(`<script[^>]*>|<style[^>]*>| on[a-z]+=| style=`).FindAllString(page, -1) {
			if !strings.Contains(inline, " src=") && !strings.Contains(inline, "nonce") && !strings.Contains(inline, `type="application/json"`) {
				t.Errorf("%s holds the inline %s", target, inline)
			}
		}
		for _, file := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if w := ask("GET", file[1], ""); w.Code >= http.StatusBadRequest || !strings.HasPrefix(file[1], "/admin/jobs/") {
				t.Errorf("%s asks for %s, which answers %d", target, file[1], w.Code)
			}
		}
	}
	if w := ask("GET", "/admin/jobs/api/jobs?state=discarded", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"kind":"advance"`) {
		t.Errorf("the list of given-up jobs answers %d: %s", w.Code, w.Body)
	}
	if w := ask("POST", "/admin/jobs/api/jobs/retry", `{"ids":["1"]}`); w.Code != http.StatusOK {
		t.Errorf("the retry answers %d: %s", w.Code, w.Body)
	}
	if n := count(t, pool, `state = 'available'`); n != 1 {
		t.Errorf("after the retry %d jobs are available, want 1", n)
	}
	if w := ask("GET", "/admin/jobs", ""); w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != "/admin/jobs/" {
		t.Errorf("the prefix alone answers %d to %q", w.Code, w.Header().Get("Location"))
	}
}
