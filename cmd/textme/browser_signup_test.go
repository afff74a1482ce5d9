//go:build browser

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"textme/chat"
)

// typed is how Ann writes her number.
const typed = "(415) 555-0142"

// signupPage is where the story's first source signs people up.
const signupPage = storyPublic + "/s/default"

// The story of the product as people see it: one browser on the sign-up page,
// another on the phone.
func TestBrowserSignsUpAndTalks(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	web, phone := visit(s), newBrowser(t)
	phone.opens(s.phonePage(ann), http.StatusOK)
	web.opens(signupPage, http.StatusOK)

	sent := web.signsUp(typed, "Ann Canary")
	phone.receives("Harbor Bikes: thanks for signing up")
	t.Logf("the welcome was on the phone %v after the click", time.Since(sent).Round(time.Millisecond))
	web.has("h1", "Thanks")

	sent = time.Now()
	phone.texts("HOURS")
	phone.receives("open Mon-Fri 9-6")
	t.Logf("the answer was on the phone %v after the text", time.Since(sent).Round(time.Millisecond))

	phone.do("tap STOP", click(`button[value="STOP"]`), chromedp.WaitVisible(chromedp.CSS(".blocked")))
	phone.receives("unsubscribed")
	s.settled()
	web.opens(signupPage, http.StatusOK)
	web.signsUp(typed, "Ann Canary")
	s.settled()
	if n := len(s.ours(ann)); n != 2 {
		t.Errorf("after STOP the phone got %q", s.ours(ann)[2:])
	}
	phone.do("tap START", click(`button[value="START"]`), chromedp.WaitNotPresent(chromedp.CSS(".blocked")))
	phone.texts("address")
	phone.receives("12 Pier Road")

	if js[int](phone, `performance.getEntriesByType("navigation").length`) != 1 || js[string](phone, `performance.getEntriesByType("navigation")[0].type`) != "navigate" {
		t.Error("the phone page was loaded again")
	}
	web.untroubled()
	phone.untroubled()
}

// Every page works with scripts switched off.
func TestBrowserWithoutScripts(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	b := visit(s)
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	must(t, err)

	b.opens(signupPage, http.StatusOK)
	b.signsUp(typed, "Ann Canary")
	b.has("h1", "Thanks")
	s.gets(ann, "thanks for signing up")

	b.opens(s.phonePage(ann), http.StatusOK)
	b.has(".thread", "thanks for signing up")
	b.leads("text HOURS", http.StatusOK, chromedp.SendKeys(chromedp.CSS("textarea"), "HOURS"), click(".send"))
	s.gets(ann, "open Mon-Fri 9-6")
	b.opens(s.phonePage(ann), http.StatusOK)
	b.has(".thread", "HOURS", "open Mon-Fri 9-6")

	b.signsIn(s, "carla")
	b.leads("open the conversation", http.StatusOK, click("tbody a"))
	b.has("main", "Ann Canary", "HOURS", "open Mon-Fri 9-6", "••• ••• 0142")
	b.leads("reveal", http.StatusOK, click(".reveal button"))
	b.has(".facts", "+1 (415) 555-0142")
	b.leads("sign out", http.StatusOK, click(".bar button"))
	b.has("h1", "Sign in")
	b.untroubled()
}

// Somebody who looks at one phone after the other can do so for ever: pages left
// behind hold no connection, and are live again on the way back.
func TestBrowserLooksAtManyPhones(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	b := newBrowser(t)
	const more = 8 // than the connections a browser opens to one server
	for i := range more {
		b.opens(s.phonePage(nth(i)), http.StatusOK)
	}
	// The way back is to a page that was kept and does not load, which only
	// scripts notice.
	js[any](b, `history.back()`)
	s.until("the browser is back", func() bool { return js[string](b, `location.href`) == s.phonePage(nth(more-2)) })
	s.says(nth(more-2), "HOURS")
	s.until("the answer appears", func() bool {
		return strings.Contains(js[string](b, `document.querySelector(".thread").innerText`), "open Mon-Fri 9-6")
	})
	b.untroubled()
}

// What was wrong is said at the top and at the field, in words and to
// assistive technology, and nothing typed is lost.
func TestBrowserMendsTheForm(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	b := visit(s)
	b.expect(storyPublic+"/signup/default", http.StatusUnprocessableEntity)
	b.opens(signupPage, http.StatusOK)

	b.do("send it empty", click("form.card button"))
	if got := ask(b, "where", chromedp.Location()); got != signupPage {
		t.Fatalf("the browser let an empty form go to %s", got)
	}
	b.sendsUnchecked("555-01", "Ann Canary")

	for field, typed := range map[string]string{"phone": "555-01", "name": "Ann Canary"} {
		if got := ask(b, "read "+field, chromedp.Value(chromedp.CSS("#"+field))); got != typed {
			t.Errorf("%s holds %q, want %q", field, got, typed)
		}
	}
	for _, field := range []string{"phone", "consent"} {
		b.do("follow the summary to "+field, click(`.problems a[href="#`+field+`"]`))
		if got := js[string](b, `document.activeElement.id`); got != field {
			t.Errorf("the summary's link to %s leads to %q", field, got)
		}
		const said = `document.activeElement.getAttribute("aria-describedby").split(" ").map((id) => document.getElementById(id).innerText).join(" ")`
		summary := ask(b, "read the summary", chromedp.Text(chromedp.CSS(`.problems a[href="#`+field+`"]`)))
		if got := js[string](b, said); !strings.Contains(got, summary) || summary == "" {
			t.Errorf("%s is described as %q, the summary says %q", field, got, summary)
		}
		if !js[bool](b, `document.activeElement.matches("[aria-invalid=true]:focus-visible, [aria-invalid=true]:focus")`) {
			t.Errorf("%s is not marked invalid", field)
		}
	}
	b.do("mend the number", chromedp.Clear(chromedp.CSS("#phone")), fill("phone", typed), click("#consent"))
	b.leads("send it again", http.StatusOK, click("form.card button"))
	b.has("h1", "Thanks")
	s.gets(ann, "thanks for signing up")
	b.untroubled()
}

// A page whose token does not hold any more asks to be sent again and keeps
// what was typed.
func TestBrowserSendsAnOldPageAgain(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	b := visit(s)
	b.expect(storyPublic+"/signup/default", http.StatusUnprocessableEntity)
	keys, err := chat.NewKeyring([]byte(s.env["SECRET_KEY"]))
	must(t, err)
	version := one[int64](s, `SELECT disclosure_version FROM sources WHERE key = 'default'`)
	scope := fmt.Sprintf("default@%d", version)
	for name, tt := range map[string]struct{ token, notice string }{
		"opened last week": {keys.NewFormToken(scope, time.Now().Add(-7*24*time.Hour)), "This page was open too long"},
		"other words":      {keys.NewFormToken(fmt.Sprintf("default@%d", version+1), time.Now()), "This page has changed"},
	} {
		b.opens(signupPage, http.StatusOK)
		b.do(name, chromedp.SetJavascriptAttribute(chromedp.CSS(`[name="form_token"]`), "value", tt.token))
		b.leads(name, http.StatusUnprocessableEntity, fill("phone", typed), fill("name", "Ann Canary"), click("#consent"), click("form.card button"))
		b.has(".notice[role=alert]", tt.notice)
		if js[bool](b, `document.querySelector("#consent").checked`) {
			t.Errorf("%s: the tick is kept though the words may have changed", name)
		}
		if got := js[string](b, `document.querySelector("#phone").value`); got != typed {
			t.Errorf("%s: the phone is %q, want %q", name, got, typed)
		}
	}
	b.leads("send it again", http.StatusOK, click("#consent"), click("form.card button"))
	s.gets(ann, "thanks for signing up")
	b.untroubled()
}

// signsUp fills in the sign-up page that is open, sends it, and returns when.
func (b *browser) signsUp(phone, name string) (sent time.Time) {
	b.t.Helper()
	b.do("fill in the form", fill("phone", phone), fill("name", name), click("#consent"))
	sent = time.Now()
	at := b.leads("sign up", http.StatusOK, click("form.card button"))
	if want := signupPage + "/thanks"; at != want {
		b.t.Fatalf("sign-up led to %s, want %s", at, want)
	}
	return sent
}

// sendsUnchecked sends the sign-up page that is open with the box unticked, past
// the browser's own checks.
func (b *browser) sendsUnchecked(phone, name string) {
	b.t.Helper()
	js[any](b, `document.querySelector("form.card").noValidate = true`)
	b.leads("send a bad form", http.StatusUnprocessableEntity, fill("phone", phone), fill("name", name), click("form.card button"))
}

// phonePage is the simulator's page of one phone.
func (s *story) phonePage(phone chat.Phone) string {
	return s.env["TWILIO_BASE_URL"] + "/phone/" + string(phone)
}

// texts types a text on the phone page that is open and sends it.
func (b *browser) texts(body string) {
	b.t.Helper()
	b.do("text "+body, chromedp.SendKeys(chromedp.CSS("textarea"), body), click(".send"))
}

// receives waits until the phone page that is open shows the text.
func (b *browser) receives(want string) {
	b.t.Helper()
	b.do("receive "+want, chromedp.WaitReady(chromedp.Search(`//li[contains(@class, "in")]/p[contains(., "`+want+`")]`)))
}

// nth is a phone for each number from 0 on.
func nth(i int) chat.Phone { return chat.Phone(fmt.Sprintf("+1415555%04d", 150+i)) }
