//go:build browser

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A browser is one tab of a Chromium of its own. It notes whatever goes wrong
// on a page: exceptions, dialogs, failed loads, violations of the page's policy.
//
// These tests need Chromium and the build tag browser. Without Chromium they
// skip and say so; on CI, where nothing may be left out, they fail.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	trouble []string
	refused map[string]bool // addresses that answered with an error as expected
}

// newBrowser starts a Chromium that ends with the test.
func newBrowser(t *testing.T, options ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), slices.Concat(
		chromedp.DefaultExecAllocatorOptions[:],
		[]chromedp.ExecAllocatorOption{
			chromedp.Flag("disable-quic", true),
			chromedp.Flag("disable-component-update", true),
			chromedp.Flag("hide-scrollbars", true),
		}, options)...)
	t.Cleanup(stop)
	ctx, quit := chromedp.NewContext(ctx)
	t.Cleanup(quit)
	b := &browser{t: t, ctx: ctx, refused: map[string]bool{}}
	err := chromedp.Do(ctx) // without a deadline: the browser would end with it
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		if os.Getenv("CI") != "" {
			t.Fatalf("no Chromium on CI; install it, with apt-get install chromium or the like: %v", err)
		}
		t.Skipf("NOT TESTED, no Chromium found; install it, with apt-get install chromium or the like: %v", err)
	case err != nil:
		t.Fatalf("start Chromium: %v", err)
	}
	must(t, chromedp.Listen(ctx, b.note))
	return b
}

// visit starts a browser that finds the story's service where the world does:
// under its public name, behind a proxy that ends TLS.
func visit(s *story) *browser {
	s.t.Helper()
	front := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(s.at.Load())
		r.Out.Host = r.In.Host
	}})
	s.t.Cleanup(front.Close)
	public, err := url.Parse(storyPublic)
	must(s.t, err)
	rule := fmt.Sprintf("MAP %s:443 %s", public.Host, front.Listener.Addr())
	return newBrowser(s.t, chromedp.IgnoreCertErrors, chromedp.Flag("host-resolver-rules", rule))
}

// note keeps what the browser complains about.
func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.trouble = append(b.trouble, fmt.Sprintf("exception: %s, line %d of %s", e.ExceptionDetails.Text, e.ExceptionDetails.LineNumber, e.ExceptionDetails.URL))
	case *runtime.EventConsoleAPICalled:
		b.trouble = append(b.trouble, fmt.Sprintf("console.%s", e.Type))
	case *page.EventJavascriptDialogOpening:
		b.trouble = append(b.trouble, "dialog: "+e.Message)
	case *log.EventEntryAdded:
		answered := e.Entry.Source == log.EntrySourceNetwork && b.refused[e.Entry.URL]
		if e.Entry.Level == log.EntryLevelError && !answered {
			b.trouble = append(b.trouble, fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

// troubles returns what was noted and forgets it.
func (b *browser) troubles() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	noted := b.trouble
	b.trouble = nil
	return noted
}

// untroubled fails the test if anything was noted.
func (b *browser) untroubled() {
	b.t.Helper()
	if noted := b.troubles(); len(noted) > 0 {
		b.t.Errorf("the browser complains:\n%s", strings.Join(noted, "\n"))
	}
}

// ask runs the action and returns its value, or ends the test.
func ask[T any](b *browser, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	return v
}

// js evaluates the expression on the page.
func js[T any](b *browser, expression string) T {
	b.t.Helper()
	return ask(b, expression, chromedp.Evaluate[T](expression))
}

// do takes the steps one after the other.
func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ask(b, what, chromedp.Steps(steps...))
}

// opens goes to the address, which must answer with the status.
func (b *browser) opens(address string, status int64) {
	b.t.Helper()
	b.expect(address, status)
	if got := ask(b, "open "+address, chromedp.NavigateResponse(address)); got.Status != status {
		b.t.Fatalf("%s answered %d, want %d", address, got.Status, status)
	}
}

// leads takes steps that lead to another page, which must answer with the
// status, and returns where it is.
func (b *browser) leads(what string, status int64, steps ...chromedp.Action[chromedp.Void]) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	got, err := chromedp.RunResponse(ctx, steps...)
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	if got.Status != status {
		b.t.Fatalf("%s led to %s, which answered %d, want %d", what, got.URL, got.Status, status)
	}
	return got.URL
}

// expect makes an error answer of the address no trouble.
func (b *browser) expect(address string, status int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused[address] = status >= 400
}

// has fails the test if the element's text lacks any of these.
func (b *browser) has(selector string, want ...string) {
	b.t.Helper()
	got := ask(b, "read "+selector, chromedp.Text(chromedp.CSS(selector)))
	for _, w := range want {
		if !strings.Contains(got, w) {
			b.t.Errorf("%s has no %q, it reads:\n%s", selector, w, got)
		}
	}
}

// fill types into an empty field.
func fill(field, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS("#"+field), text)
}

// click clicks the first element.
func click(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(selector))
}
