package templates

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSignupFields(t *testing.T) {
	t.Parallel()
	root := parseHTML(t, firstView())
	got := map[string]map[string]string{}
	for _, n := range elements(root, "input") {
		attrs := map[string]string{}
		for _, a := range n.Attr {
			if a.Key != "name" && a.Key != "id" && a.Key != "dir" {
				attrs[a.Key] = a.Val
			}
		}
		name, _ := attr(n, "name")
		got[name] = attrs
	}
	want := map[string]map[string]string{
		PhoneField: {
			"type": "tel", "inputmode": "tel", "autocomplete": "tel", "required": "", "maxlength": "64",
			"value": "", "aria-describedby": "phone-hint",
		},
		NameField:      {"type": "text", "autocomplete": "name", "maxlength": "200", "value": ""},
		ConsentField:   {"type": "checkbox", "value": "yes", "required": ""},
		HoneypotField:  {"type": "text", "tabindex": "-1", "autocomplete": "off"},
		FormTokenField: {"type": "hidden", "value": "v1.k1.Zm9ybS10b2tlbg"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	form := elements(root, "form")[0]
	if method, _ := attr(form, "method"); method != "post" {
		t.Errorf("method = %q, want post", method)
	}
	if action, _ := attr(form, "action"); action != "/signup/harbour-dental" {
		t.Errorf("action = %q, want /signup/harbour-dental", action)
	}
}

func TestSignupConsentIsThePersonsOwn(t *testing.T) {
	t.Parallel()
	ticked := refusedView()
	ticked.Consented = true
	tests := map[string]struct {
		page SignupPage
		want bool
	}{
		"first view":              {firstView(), false},
		"refused, box was empty":  {refusedView(), false},
		"refused, box was ticked": {ticked, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := parseHTML(t, tt.page)
			if _, got := attr(byID(root, "consent"), "checked"); got != tt.want {
				t.Errorf("ticked = %t, want %t", got, tt.want)
			}
			for _, label := range elements(root, "label") {
				if id, _ := attr(label, "for"); id == "consent" && text(label) != disclosure().Text {
					t.Errorf("label = %q, want the disclosure", text(label))
				}
			}
		})
	}
}

func TestSignupHoneypotIsHiddenFromPeople(t *testing.T) {
	t.Parallel()
	trap := byID(parseHTML(t, firstView()), HoneypotField).Parent
	if hidden, _ := attr(trap, "aria-hidden"); hidden != "true" {
		t.Errorf("aria-hidden = %q, want true", hidden)
	}
	if class, _ := attr(trap, "class"); class != "trap" {
		t.Errorf("class = %q, want trap, which the stylesheet puts out of sight", class)
	}
}

func TestSignupErrors(t *testing.T) {
	t.Parallel()
	root := parseHTML(t, refusedView())
	want := map[string]string{
		"#phone":   refusedView().Errors.Phone,
		"#name":    refusedView().Errors.Name,
		"#consent": refusedView().Errors.Consent,
	}
	got := map[string]string{}
	for _, n := range elements(root, "a") {
		if href, _ := attr(n, "href"); strings.HasPrefix(href, "#") {
			got[href] = text(n)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summary links (-want +got):\n%s", diff)
	}
	for href, message := range want {
		field := byID(root, href[1:])
		if invalid, _ := attr(field, "aria-invalid"); invalid != "true" {
			t.Errorf("%s aria-invalid = %q, want true", href, invalid)
		}
		described, _ := attr(field, "aria-describedby")
		refs := strings.Fields(described)
		if len(refs) == 0 || text(byID(root, refs[len(refs)-1])) != message {
			t.Errorf("%s aria-describedby = %q, want its message last", href, described)
		}
	}
	for id, want := range map[string]string{"phone": "555-01", "name": "Zoë O'Brien"} {
		if value, _ := attr(byID(root, id), "value"); value != want {
			t.Errorf("%s = %q, want %q kept", id, value, want)
		}
	}
	var alerts int
	for _, n := range elements(root, "") {
		if role, _ := attr(n, "role"); role == "alert" {
			alerts++
		}
	}
	if alerts != 2 {
		t.Errorf("%d alerts, want the notice and the summary", alerts)
	}
}

func TestSignupFirstViewHasNoComplaint(t *testing.T) {
	t.Parallel()
	out := render(t, firstView())
	for _, unwanted := range []string{`role="alert"`, "aria-invalid", "Please check"} {
		if strings.Contains(out, unwanted) {
			t.Errorf("first view contains %s", unwanted)
		}
	}
}

func TestSourceLinks(t *testing.T) {
	t.Parallel()
	plain := Source{Key: "a b/../c?d#e", Business: "Odd"}
	tests := map[string]struct {
		source Source
		want   []string
	}{
		"all": {source(), []string{"/s/harbour-dental/consent", "https://harbour.example/terms", "https://harbour.example/privacy"}},
		// A strange key stays one path segment.
		"none": {plain, []string{"/s/a%20b%2F..%2Fc%3Fd%23e/consent"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := parseHTML(t, SignupPage{Source: tt.source})
			var got []string
			for _, n := range elements(root, "a") {
				href, _ := attr(n, "href")
				got = append(got, href)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
			themed := false
			for _, n := range elements(root, "link") {
				href, _ := attr(n, "href")
				themed = themed || href == tt.source.ThemePath()
			}
			if themed != tt.source.Themed {
				t.Errorf("theme linked = %t, want %t", themed, tt.source.Themed)
			}
		})
	}
}

func TestThanksPromisesNothing(t *testing.T) {
	t.Parallel()
	got := text(elements(parseHTML(t, ThanksPage{Source: source()}), "main")[0])
	for _, want := range []string{"Thanks — check your phone", "If we can, we will text you at the number you gave."} {
		if !strings.Contains(got, want) {
			t.Errorf("page %q lacks %q", got, want)
		}
	}
}

func TestConsentShowsEvidence(t *testing.T) {
	t.Parallel()
	page := ConsentPage{Source: source(), Disclosure: disclosure()}
	page.Disclosure.Text = "First line.\nSecond line, \"quoted\" & <kept>."
	root := parseHTML(t, page)
	if got := elements(root, "blockquote")[0].FirstChild.Data; got != page.Disclosure.Text {
		t.Errorf("disclosure = %q, want %q word for word", got, page.Disclosure.Text)
	}
	facts := text(elements(root, "dl")[0])
	if want := "Version 3 SHA-256 " + strings.Repeat("9f08", 16); facts != want {
		t.Errorf("facts = %q, want %q", facts, want)
	}
}

func TestErrorPages(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]Page{"public": ErrorPage{failure()}, "admin": AdminErrorPage{admin(), failure()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := text(elements(parseHTML(t, page), "article")[0])
			for _, want := range []string{"Error 503", failure().Title, failure().Advice, failure().RequestID} {
				if !strings.Contains(got, want) {
					t.Errorf("page %q lacks %q", got, want)
				}
			}
		})
	}
	bare := text(elements(parseHTML(t, ErrorPage{}), "article")[0])
	if bare != "Something went wrong" {
		t.Errorf("bare error page = %q", bare)
	}
}
