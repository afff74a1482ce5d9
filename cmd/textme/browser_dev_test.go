//go:build browser

package main

import (
	"net/http"
	"os"
	"testing"
	"time"
)

// What somebody does in their first minutes: start dev, open the three
// addresses it prints, sign up, see the phone buzz, sign in. All of it over
// plain HTTP, where cookies and origins follow other rules.
func TestBrowserTriesDev(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755)) // the database may run as another account
	d := startDev(t, dir)
	begin := time.Now()
	b, phone := newBrowser(t), newBrowser(t)
	phone.opens(d.phones+"/phone/"+string(ann), http.StatusOK)

	b.opens(d.service+"/s/default", http.StatusOK)
	b.do("fill in the form", fill("phone", typed), fill("name", "Ann Canary"), click("#consent"))
	b.leads("sign up", http.StatusOK, click("form.card button"))
	phone.receives("Harbor Bikes: thanks for signing up")
	phone.texts("HOURS")
	phone.receives("open Mon-Fri 9-6")

	b.opens(d.service+"/admin", http.StatusOK)
	b.leads("sign in", http.StatusOK, fill("username", d.user), fill("password", d.password), click("form button"))
	b.has("tbody", "Ann Canary", "active")
	b.leads("open the conversation", http.StatusOK, click("tbody td:last-child a"))
	b.has(".transcript", "thanks for signing up", "HOURS", "open Mon-Fri 9-6")
	b.leads("sign out", http.StatusOK, click(".bar button"))
	b.has("h1", "Sign in")
	t.Logf("dev was up in %v, the rest took %v", d.startedIn.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	b.untroubled()
	phone.untroubled()
	d.terminate()
}
