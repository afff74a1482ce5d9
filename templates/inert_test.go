package templates

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// hostile are texts that would run, restyle or break a page that pasted them.
func hostile() []string {
	return []string{
		`<script>alert(1)</script>`,
		`</title><script>alert(1)</script>`,
		`</textarea><script>alert(1)</script>`,
		`</p></div></main></body></html><script>alert(1)</script>`,
		`<img src=x onerror=alert(1)>`,
		`<svg onload=alert(1)>`,
		`<svg><script href="data:text/javascript,alert(1)"/></svg>`,
		`<math><mi xlink:href="javascript:alert(1)">x</mi></math>`,
		`<iframe srcdoc="<script>alert(1)</script>"></iframe>`,
		`<style>*{display:none}</style>`,
		`<link rel=stylesheet href=//evil.example/x.css>`,
		`<meta http-equiv=refresh content="0;url=//evil.example">`,
		`<base href=//evil.example/>`,
		`<form action=//evil.example><input name=phone>`,
		`<template><b>x</b></template>`,
		`" autofocus onfocus=alert(1) x="`,
		`' autofocus onfocus=alert(1) x='`,
		`"><script>alert(1)</script>`,
		`'><script>alert(1)</script>`,
		"` onmouseover=alert(1) `",
		`x onmouseover=alert(1)`,
		`x style=position:fixed`,
		`javascript:alert(1)`,
		`JaVaScRiPt:alert(1)`,
		" \tjavascript:alert(1)",
		"java\nscript:alert(1)",
		"\x01javascript:alert(1)",
		`javascript://%0aalert(1)`,
		`data:text/html,<script>alert(1)</script>`,
		`vbscript:msgbox(1)`,
		`//evil.example/`,
		`/\evil.example`,
		`../../admin/sign-out?x=1&y=2#z`,
		`{{.CSRFToken}}`,
		`{{template "body" .}}`,
		`<!--`,
		`--><script>alert(1)</script>`,
		`<![CDATA[<script>alert(1)</script>]]>`,
		`&lt;script&gt;alert(1)&lt;/script&gt;`,
		`&#x22;onfocus=alert(1)`,
		`%22onfocus=alert(1)`,
		"\u2028alert(1)\u2029",
		"\u202egnp.exe",
		"+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
		"\xff\xfe<script>",
		"\x00<script>alert(1)</script>",
		`expression(alert(1))`,
		`red;}body{background:url(//evil.example)`,
	}
}

// fill sets every string of a page struct to s, every flag to flag, and gives
// every list one element of either kind.
func fill(v reflect.Value, s string, flag bool) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(flag)
	case reflect.Int, reflect.Int64, reflect.Uint8:
		v.Set(reflect.ValueOf(7).Convert(v.Type()))
	case reflect.Slice:
		list := reflect.MakeSlice(v.Type(), 2, 2)
		fill(list.Index(0), s, true)
		fill(list.Index(1), s, false)
		v.Set(list)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(now))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), s, flag)
		}
	default:
		panic(fmt.Sprintf("fill does not know %s", v.Type()))
	}
}

// filled is a page of the same type as page with every field set.
func filled(page Page, s string, flag bool) Page {
	v := reflect.New(reflect.TypeOf(page)).Elem()
	fill(v, s, flag)
	return v.Interface().(Page)
}

// skeleton is a document without its data: elements in order and depth, with
// the names of their attributes.
func skeleton(root *html.Node) string {
	var b strings.Builder
	var walk func(n *html.Node, depth int)
	walk = func(n *html.Node, depth int) {
		if n.Type == html.ElementNode || n.Type == html.CommentNode {
			b.WriteString(strings.Repeat(" ", depth))
			if n.Type == html.CommentNode {
				b.WriteString("comment")
			} else {
				b.WriteString(n.Data)
			}
			for _, a := range n.Attr {
				b.WriteString(" " + a.Key)
			}
			b.WriteByte('\n')
		}
		for c := range n.ChildNodes() {
			walk(c, depth+1)
		}
	}
	walk(root, 0)
	return b.String()
}

func TestHostileTextIsInert(t *testing.T) {
	t.Parallel()
	for _, page := range pages() {
		for _, flag := range []bool{false, true} {
			t.Run(fmt.Sprintf("%T %t", page, flag), func(t *testing.T) {
				t.Parallel()
				want := skeleton(parseHTML(t, filled(page, "harmless", flag)))
				for _, s := range hostile() {
					root := parseHTML(t, filled(page, s, flag))
					checkInert(t, root)
					if diff := cmp.Diff(want, skeleton(root)); diff != "" {
						t.Errorf("%q changed the page (-harmless +hostile):\n%s", s, diff)
					}
				}
			})
		}
	}
}

func TestSourceLinksAreInert(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "vbscript:x", "java\nscript:alert(1)"} {
		s := source()
		s.TermsURL, s.PrivacyURL = link, link
		root := parseHTML(t, ThanksPage{Source: s})
		for _, a := range elements(root, "a") {
			href, _ := attr(a, "href")
			if words := text(a); (words == "Terms" || words == "Privacy") && href != "#ZgotmplZ" {
				t.Errorf("%s link from %q = %q, want html/template's inert link", words, link, href)
			}
		}
	}
}

func TestTranscriptKeepsTextExactly(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`<b>bold</b> & "quotes" 'n' {{braces}} https://example.com/?a=1&b=2`,
		"two\nlines\n\n  and spaces  ",
		"مرحبا 🙏🏽 zero\u200bwidth",
		`<script>alert(1)</script>`,
	} {
		page := conversation()
		page.Messages = []Message{{Inbound: true, Body: body, At: now}}
		var got []string
		for _, n := range elements(parseHTML(t, page), "div") {
			if class, _ := attr(n, "class"); class == "bubble" && n.FirstChild != nil {
				got = append(got, n.FirstChild.Data)
			}
		}
		if diff := cmp.Diff([]string{body}, got); diff != "" {
			t.Errorf("bubble (-want +got):\n%s", diff)
		}
	}
}
