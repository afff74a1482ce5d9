//go:build browser

package twiliosim_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	conv "github.com/twilio/twilio-go/rest/conversations/v1"
)

// The script: a typed text goes out without leaving the page, an answer appears
// by itself, and nothing breaks the page's own policy. Run with -tags browser
// where Chromium is installed.
func TestPhonePageLive(t *testing.T) {
	t.Parallel()
	s := newSim(t)
	ch := s.conversation("live")
	s.join(ch, phone, sender)
	s.sayAndSettle(ch, "before the page was open")

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	browser, quit := chromedp.NewContext(alloc)
	t.Cleanup(quit)
	if err := chromedp.Do(browser, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	page, cancel := context.WithCancel(browser)
	t.Cleanup(cancel)
	stopLate := context.AfterFunc(within(t), cancel)
	t.Cleanup(func() { stopLate() })
	run := func(what string, a chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(page, a); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	// bubble waits until the thread shows the text.
	bubble := func(kind, text string) {
		t.Helper()
		run(kind+" bubble "+text, chromedp.WaitReady(`//li[contains(@class, "`+kind+`")]/p[contains(., "`+text+`")]`))
	}
	run("open", chromedp.Navigate(s.http.URL+"/phone/"+phone))
	bubble("in", "before the page was open")
	run("mark", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool](`window.stayed = true`)(ctx, target)
		return err
	}))
	run("type", chromedp.SendKeys("textarea", "typed"))
	run("press Enter", chromedp.Func(pressEnter))
	bubble("out", "typed")
	if _, err := s.api.CreateConversationMessage(ch, (&conv.CreateConversationMessageParams{}).SetBody("answered")); err != nil {
		t.Fatal(err)
	}
	bubble("in", "answered")
	run("stop", chromedp.Click(`button[value="STOP"]`))
	run("see the opt-out", chromedp.WaitVisible(".blocked"))
	run("choose", chromedp.Click(`.when button[name="every"]`))
	stayed, err := chromedp.Run(page, chromedp.Evaluate[bool](`window.stayed === true`))
	if err != nil || !stayed {
		t.Errorf("the page was left (%v)", err)
	}
	box, err := chromedp.Run(page, chromedp.Value("textarea"))
	if err != nil || box != "" {
		t.Errorf("text box holds %q after sending (%v)", box, err)
	}
}

// pressEnter presses the key as a keyboard does: no character comes of it when
// the page takes the key for itself, while SendKeys would send one all the same.
func pressEnter(ctx context.Context, target *chromedp.Target) error {
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
		_, err := cdp.Call(ctx, target, input.DispatchKeyEvent, input.DispatchKeyEventParams{
			Type: kind, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13, NativeVirtualKeyCode: 13,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
