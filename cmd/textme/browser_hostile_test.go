//go:build browser

package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// hostile would call home if any page took it for markup, a link or a script.
var hostile = []string{
	`<script>window.hit=1</script>`,
	`<img src=x onerror="window.hit=1">`,
	`"><svg onload=window.hit=1>`,
	`' autofocus onfocus='window.hit=1`,
	`</textarea></title></style><iframe srcdoc="<script>parent.hit=1</script>">`,
	`javascript:window.hit=1`,
	`{{.Phone}}${window.hit=1}`,
	`<a href="javascript:window.hit=1" autofocus>click me</a>`,
}

// What strangers write is text on every page, to the letter, and does nothing.
func TestBrowserRunsNobodysText(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	b, phone := visit(s), newBrowser(t)
	for i, text := range hostile {
		s.joins("default", nth(i), text)
		s.settled()
		s.says(nth(i), text)
	}
	s.settled()
	b.signsIn(s, "carla")

	list := js[[]string](b, `[...document.querySelectorAll("tbody .name")].map((e) => e.textContent)`)
	for i, text := range hostile {
		if !strings.Contains(strings.Join(list, "\n"), text) {
			t.Errorf("the list lacks the name %q, it has %q", text, list)
		}
		b.unharmed("the list")
		b.opens(adminList+"/"+s.conversationOf(nth(i)), http.StatusOK)
		if got := js[string](b, `document.querySelector("h1").textContent`); got != text {
			t.Errorf("the conversation's heading is %q, want %q", got, text)
		}
		if got := js[[]string](b, `[...document.querySelectorAll("[data-from=person] .bubble")].map((e) => e.textContent)`); len(got) != 1 || got[0] != text {
			t.Errorf("the transcript has %q, want %q", got, text)
		}
		b.unharmed("the conversation")
		phone.opens(s.phonePage(nth(i)), http.StatusOK)
		phone.do("see the text", chromedp.WaitReady(chromedp.CSS(".out .bubble")))
		phone.unharmed("the phone page")
		b.opens(signupPage, http.StatusOK)
		b.expect(storyPublic+"/signup/default", http.StatusUnprocessableEntity)
		b.sendsUnchecked(text, text)
		if got := js[string](b, `document.querySelector("#name").value`); got != text {
			t.Errorf("the name typed comes back as %q, want %q", got, text)
		}
		b.unharmed("the sign-up page")
	}
	b.untroubled()
	phone.untroubled()
}

// The policy is a second wall: what got into a page would still not run or call
// home. This also shows that the browser's complaints reach these tests.
func TestBrowserPolicyBites(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	b := visit(s)
	b.signsIn(s, "carla")
	const insert = `document.body.insertAdjacentHTML("beforeend", %q)`
	attempts := map[string]string{
		"script-src-elem": `document.body.append(Object.assign(document.createElement("script"), { text: "window.hit = 1" }))`,
		"script-src-attr": fmt.Sprintf(insert, `<a id=trap onclick="window.hit=1">x</a>`) + `; document.getElementById("trap").click()`,
		"style-src-attr":  fmt.Sprintf(insert, `<p style="color: red">x</p>`),
		"style-src-elem":  fmt.Sprintf(insert, `<link rel=stylesheet href="https://elsewhere.example/x.css">`),
		"img-src":         fmt.Sprintf(insert, `<img src="https://elsewhere.example/x.png">`),
		"frame-src":       fmt.Sprintf(insert, `<iframe src="https://elsewhere.example/"></iframe>`),
		"connect-src":     `fetch("https://elsewhere.example/").catch(() => {})`,
		"form-action":     fmt.Sprintf(insert, `<form id=away method=post action="https://elsewhere.example/"></form>`) + `; document.getElementById("away").submit()`,
		"base-uri":        `document.head.append(Object.assign(document.createElement("base"), { href: "https://elsewhere.example/" }))`,
	}
	pages := map[string]int64{
		signupPage: http.StatusOK, signupPage + "/thanks": http.StatusOK, storyPublic + "/s/nowhere": http.StatusNotFound,
		adminList: http.StatusOK, s.phonePage(ann): http.StatusOK,
	}
	for address, status := range pages {
		for directive, attempt := range attempts {
			b.opens(address, status)
			b.untroubled()
			violated := fmt.Sprintf(`new Promise((resolve) => {
				document.addEventListener("securitypolicyviolation", (e) => resolve(e.effectiveDirective));
				%s;
			})`, attempt)
			if got := ask(b, directive+" on "+address, chromedp.Evaluate[string](violated, chromedp.EvalAwaitPromise)); got != directive {
				t.Errorf("%s: %s is violated, want %s", address, got, directive)
			}
			b.unharmed(address)
			s.until("the browser complains", func() bool { return strings.Contains(strings.Join(b.troubles(), " "), "Content Security Policy") })
		}
	}
}

// unharmed fails the test if anything of what strangers wrote has run.
func (b *browser) unharmed(page string) {
	b.t.Helper()
	if js[bool](b, `"hit" in window`) {
		b.t.Errorf("%s ran what a stranger wrote", page)
	}
}
