package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// guess tries wrong passwords at the account as fast as it is allowed to for a
// while, from ever new addresses, and says how many were evaluated, at most
// 100.
func guess(s *service, username string, during time.Duration) (evaluated int) {
	until := s.clock.Now().Add(during)
	for i := 0; s.clock.Now().Before(until) && evaluated < 100; i++ {
		w := s.post("/admin/sign-in", credentialsOf(username, "wrong"), from(fmt.Sprintf("198.51.%d.%d:1", i/250, i%250)))
		if w.Code == http.StatusTooManyRequests {
			s.clock.advance(10 * time.Second)
			continue
		}
		evaluated++
	}
	return evaluated
}

func TestGuessingIsSlowedDownForEveryAccountAlike(t *testing.T) {
	t.Parallel()
	var counts []int
	for _, username := range []string{"rosa", "nobody"} {
		s := newService(t)
		counts = append(counts, guess(s, username, time.Hour))
	}
	if counts[0] != counts[1] || counts[0] > 20 || counts[0] < 5 {
		t.Errorf("evaluated %v in an hour, want the same for both and at most 20", counts)
	}
}

func TestOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	s := newService(t)
	jar, _ := s.signIn(t)
	device := jar[1:]
	guess(s, "rosa", time.Hour)
	w := s.post("/admin/sign-in", credentialsOf("rosa", canaryPassword))
	wantStatus(t, w, http.StatusTooManyRequests) // a browser never seen waits
	if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "Too many attempts") {
		t.Errorf("answer does not say how long to wait:\n%s", w.Body)
	}
	wantStatus(t, s.post("/admin/sign-in", credentialsOf("rosa", canaryPassword), cookies(device)), http.StatusSeeOther)

	// Nor for long without the device.
	s.clock.advance(slowest)
	wantStatus(t, s.post("/admin/sign-in", credentialsOf("rosa", canaryPassword)), http.StatusSeeOther)
}

func TestDeviceCookieIsForOneAccountAndATime(t *testing.T) {
	t.Parallel()
	s := newService(t)
	jar, _ := s.signIn(t)
	d := &devices{keys: s.keys, now: s.clock.Now, secure: true}
	cookie := jar[1].Value
	if jar[1].Name != "__Host-"+deviceCookie || !d.knows(cookie, "rosa") {
		t.Fatalf("cookie %v is not known", jar[1])
	}
	if d.knows(cookie, "gone") || d.knows("", "rosa") || d.knows(cookie[1:], "rosa") {
		t.Error("known for another account, or when damaged")
	}
	s.clock.advance(deviceLife)
	if d.knows(cookie, "rosa") {
		t.Error("known for ever")
	}
}

func TestOneAddressIsSlowedDownOverAllAccounts(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for i := range byAddress.free() {
		wantStatus(t, s.post("/admin/sign-in", credentialsOf(fmt.Sprint("user", i), "x")), http.StatusUnprocessableEntity)
	}
	wantStatus(t, s.post("/admin/sign-in", credentialsOf("rosa", canaryPassword)), http.StatusTooManyRequests)
	wantStatus(t, s.post("/admin/sign-in", credentialsOf("rosa", canaryPassword), from("198.51.100.7:1")), http.StatusSeeOther)
	wantStatus(t, s.post("/admin/sign-in", credentialsOf("gone", "x"), from("127.0.0.1:1")), http.StatusUnprocessableEntity)
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	c := &clock{now: start}
	th := newThrottle(c.Now)
	account := bucket{byAccount, "rosa"}
	for range byAccount.free() {
		if wait := th.take(account); wait != 0 {
			t.Fatalf("free attempt waits %s", wait)
		}
	}
	for _, want := range []time.Duration{10, 20, 40, 80, 160, 320, 600, 600} {
		want *= time.Second
		for range 3 { // being refused makes it no longer
			if wait := th.take(account); wait != want {
				t.Fatalf("waits %s, want %s", wait, want)
			}
		}
		c.advance(want)
		if wait := th.take(account); wait != 0 {
			t.Fatalf("still waits %s", wait)
		}
	}
	if wait := th.take(bucket{byDevice, "rosa"}); wait != 0 {
		t.Errorf("another bucket waits %s", wait)
	}
	th.succeed(account, bucket{byAddress, "x"})
	if wait := th.take(account); wait != 0 {
		t.Errorf("waits %s after a success", wait)
	}
	c.advance(countedFor + time.Second)
	for range byAccount.free() {
		if wait := th.take(account); wait != 0 {
			t.Errorf("waits %s after a quiet hour", wait)
		}
	}
}

func TestLRUForgetsTheOldestUse(t *testing.T) {
	t.Parallel()
	l := newLRU[string, int](2)
	zero := func() int { return 0 }
	*l.at("a", zero)++
	*l.at("b", zero)++
	*l.at("a", zero)++
	*l.at("c", zero)++ // b goes
	if got := *l.at("a", zero); got != 2 {
		t.Errorf("a is %d, want 2", got)
	}
	if got := *l.at("b", zero); got != 0 {
		t.Errorf("b is %d, want 0", got)
	}
	l.forget("b")
	l.forget("nobody")
	if len(l.entries) != l.order.Len() || l.order.Len() != 1 {
		t.Errorf("%d entries in %d places, want 1", len(l.entries), l.order.Len())
	}
}
