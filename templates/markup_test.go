package templates

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// everyPage is each page full, each in its empty states, and each as its zero
// value.
func everyPage() map[string]Page {
	all := fullPages()
	maps.Copy(all, emptyPages())
	for _, page := range pages() {
		all["zero "+strings.Join(page.sources(), "+")] = page
	}
	return all
}

// parseHTML reads a page as a browser would.
func parseHTML(t *testing.T, page Page) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(render(t, page)))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// elements are root's elements with that tag, or all for the empty tag, in
// document order.
func elements(root *html.Node, tag string) []*html.Node {
	var found []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && (tag == "" || n.Data == tag) {
			found = append(found, n)
		}
	}
	return found
}

// attr is the value of n's attribute, and whether it is there.
func attr(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

// text is all text under n, as a reader sees it.
func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func byID(root *html.Node, id string) *html.Node {
	for _, n := range elements(root, "") {
		if got, _ := attr(n, "id"); got == id {
			return n
		}
	}
	return nil
}

func TestMarkup(t *testing.T) {
	t.Parallel()
	for name, page := range everyPage() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := parseHTML(t, page)
			checkFrame(t, root)
			checkIDs(t, root)
			checkLabels(t, root)
			checkInert(t, root)
		})
	}
}

// checkFrame wants what every document has once.
func checkFrame(t *testing.T, root *html.Node) {
	t.Helper()
	for _, tag := range []string{"title", "main", "h1"} {
		found := elements(root, tag)
		if len(found) != 1 {
			t.Errorf("%d <%s> elements, want 1", len(found), tag)
		}
	}
	if got := text(elements(root, "title")[0]); got == "" {
		t.Error("the title is empty")
	}
	if lang, _ := attr(elements(root, "html")[0], "lang"); lang != "en" {
		t.Errorf("lang = %q, want en", lang)
	}
}

// checkIDs wants ids unique and every reference to one answered.
func checkIDs(t *testing.T, root *html.Node) {
	t.Helper()
	seen := map[string]bool{}
	for _, n := range elements(root, "") {
		if id, ok := attr(n, "id"); ok {
			if id == "" || seen[id] {
				t.Errorf("id %q is empty or used twice", id)
			}
			seen[id] = true
		}
	}
	for _, n := range elements(root, "") {
		for _, key := range []string{"for", "aria-describedby", "aria-labelledby"} {
			refs, ok := attr(n, key)
			if ok && refs == "" {
				t.Errorf("<%s> has an empty %s", n.Data, key)
			}
			for _, ref := range strings.Fields(refs) {
				if !seen[ref] {
					t.Errorf("<%s %s=%q> points at nothing", n.Data, key, ref)
				}
			}
		}
		if href, _ := attr(n, "href"); strings.HasPrefix(href, "#") && !seen[href[1:]] {
			t.Errorf("link %q points at nothing", href)
		}
	}
}

// checkLabels wants a label with words for every field, and words on every
// link and button.
func checkLabels(t *testing.T, root *html.Node) {
	t.Helper()
	labels := map[string]*html.Node{}
	for _, n := range elements(root, "label") {
		id, _ := attr(n, "for")
		labels[id] = n
	}
	for _, n := range elements(root, "input") {
		if kind, _ := attr(n, "type"); kind == "hidden" {
			continue
		}
		id, _ := attr(n, "id")
		if labels[id] == nil {
			t.Errorf("input %q has no label", id)
		}
	}
	for _, n := range slices.Concat(elements(root, "a"), elements(root, "button")) {
		if text(n) == "" {
			t.Errorf("a <%s> has no words", n.Data)
		}
	}
}

// checkInert wants nothing a strict Content-Security-Policy would refuse, and
// no link that leaves for anything but http, https or mailto.
func checkInert(t *testing.T, root *html.Node) {
	t.Helper()
	for _, n := range elements(root, "") {
		switch n.Data {
		case "script", "style", "iframe", "object", "embed", "base", "template", "svg", "math":
			t.Errorf("a <%s> element", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc":
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "href", a.Key == "src", a.Key == "action", a.Key == "formaction":
				u, err := url.Parse(a.Val)
				if err != nil || !slices.Contains([]string{"", "http", "https", "mailto"}, u.Scheme) {
					t.Errorf("<%s %s=%q> has a live scheme", n.Data, a.Key, a.Val)
				}
			}
		}
	}
}
