//go:build browser

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"textme/chat"
)

// A screen is what a page has to fit on.
type screen struct {
	width, height int64
	scale         float64
	scheme        string
}

// screens are the narrowest that WCAG 2.2 wants served without scrolling
// sideways (1.4.10), a phone and a desk, each by day and by night.
var screens = []screen{
	{320, 640, 2, "light"},
	{390, 844, 2, "light"},
	{390, 844, 2, "dark"},
	{1280, 800, 1, "light"},
	{1280, 800, 1, "dark"},
}

func (s screen) String() string { return fmt.Sprintf("%d-%s", s.width, s.scheme) }

// use makes the tab that screen.
func (s screen) use() chromedp.Action[chromedp.Void] {
	return chromedp.Steps(
		chromedp.EmulateViewport(s.width, s.height, chromedp.EmulateScale(s.scale)),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}},
			})
			return err
		}))
}

// A gallery looks at pages on every screen.
type gallery struct {
	*browser
	titles map[string]string
}

// shows holds the open page to what every page owes its reader: it fits, can be
// read, has names for everything, and shows where the keyboard is. No two pages
// shown with one gallery have the same title. TEXTME_SHOTS names a folder for
// pictures.
func (g gallery) shows(name string) {
	g.t.Helper()
	title := ask(g.browser, "read the title", chromedp.Title())
	if other, taken := g.titles[title]; taken {
		g.t.Errorf("%s has the title of %s: %q", name, other, title)
	}
	g.titles[title] = name
	for _, screen := range screens {
		g.do(name, screen.use())
		for _, fault := range js[[]string](g.browser, inspection) {
			g.t.Errorf("%s, %s: %s", name, screen, fault)
		}
		g.shoot(name + "-" + screen.String())
	}
	g.tabsThrough(name)
	g.untroubled()
}

func TestBrowserShowsPublicPages(t *testing.T) {
	t.Parallel()
	g := gallery{visit(newTown(t)), map[string]string{}}
	g.opens(storyPublic+"/s/harbor", http.StatusOK)
	g.shows("signup")
	g.expect(storyPublic+"/signup/harbor", http.StatusUnprocessableEntity)
	g.sendsUnchecked("555-01", "Maya Okafor")
	g.shows("signup-errors")
	g.opens(storyPublic+"/s/pier", http.StatusOK)
	g.shows("signup-themed")
	g.opens(storyPublic+"/s/harbor/thanks", http.StatusOK)
	g.shows("thanks")
	g.opens(storyPublic+"/s/harbor/consent", http.StatusOK)
	g.shows("consent")
	g.opens(storyPublic+"/s/nowhere", http.StatusNotFound)
	g.shows("not-found")
}

func TestBrowserShowsAdminPages(t *testing.T) {
	t.Parallel()
	s := newTown(t)
	g := gallery{visit(s), map[string]string{}}
	g.opens(adminList, http.StatusOK)
	g.shows("sign-in")
	g.signsIn(s, "carla")
	s.pauses()
	g.opens(adminList, http.StatusOK)
	g.shows("list")
	g.opens(adminList+"?q=nobody", http.StatusOK)
	g.shows("list-nothing-found")
	for name, phone := range map[string]chat.Phone{
		"talk": maya, "talk-stopped": aisha, "talk-undelivered": marcus, "talk-nameless": casey, "talk-pending": lucia, "talk-refused": payable, "talk-failed": theo,
	} {
		g.opens(adminList+"/"+s.conversationOf(phone), http.StatusOK)
		g.shows(name)
	}
	g.opens(adminList+"/nowhere", http.StatusNotFound)
	g.shows("admin-not-found")
}

// The first things that somebody new sees: nothing has happened yet.
func TestBrowserShowsEmptyPages(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	g := gallery{visit(s), map[string]string{}}
	g.signsIn(s, "carla")
	g.shows("list-empty")
	g.opens(s.env["TWILIO_BASE_URL"]+"/", http.StatusOK)
	g.shows("phones-empty")
	g.opens(s.phonePage(ann), http.StatusOK)
	g.shows("phone-empty")
}

func TestBrowserShowsPhonePages(t *testing.T) {
	t.Parallel()
	s := newTown(t)
	g := gallery{newBrowser(t), map[string]string{}}
	g.opens(s.env["TWILIO_BASE_URL"]+"/", http.StatusOK)
	g.shows("phones")
	g.opens(s.phonePage(maya), http.StatusOK)
	g.shows("phone")
	g.opens(s.phonePage(aisha), http.StatusOK)
	g.shows("phone-stopped")
	g.opens(s.phonePage(marcus), http.StatusOK)
	g.shows("phone-lost-text")
}

// shoot saves the whole page as a picture.
func (b *browser) shoot(name string) {
	b.t.Helper()
	if os.Getenv(shots) != "" {
		save(b.t, name, ask(b, "shoot "+name, chromedp.FullScreenshot(100)))
	}
}

// shots names the folder for pictures; without one none are kept.
const shots = "TEXTME_SHOTS"

func save(t *testing.T, name string, picture []byte) {
	t.Helper()
	if dir := os.Getenv(shots); dir != "" {
		must(t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
	}
}
