package templates

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

const darkMedia = "@media (prefers-color-scheme: dark)"

var colourToken = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)

// colours reads a stylesheet's custom colours as they hold in light and in
// dark. The dark ones stand in the first dark block and override the light.
func colours(t *testing.T, css string) (light, dark map[string]rgb) {
	t.Helper()
	before, after, found := strings.Cut(css, darkMedia)
	if !found {
		t.Fatalf("no %s in %.200s", darkMedia, css)
	}
	inDark, _, _ := strings.Cut(after, "\n}\n")
	light, dark = map[string]rgb{}, map[string]rgb{}
	for _, m := range colourToken.FindAllStringSubmatch(before, -1) {
		c, err := parseHex(m[2])
		if err != nil {
			t.Fatal(err)
		}
		light[m[1]], dark[m[1]] = c, c
	}
	for _, m := range colourToken.FindAllStringSubmatch(inDark, -1) {
		c, err := parseHex(m[2])
		if err != nil {
			t.Fatal(err)
		}
		dark[m[1]] = c
	}
	return light, dark
}

func stylesheet(t *testing.T) string {
	t.Helper()
	body, err := static.ReadFile("static/textme.css")
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestContrast(t *testing.T) {
	t.Parallel()
	// Ratios as the WebAIM contrast checker gives them.
	tests := []struct {
		a, b rgb
		want float64
	}{
		{black, white, 21},
		{white, black, 21},
		{white, white, 1},
		{0x777777, white, 4.48},
		{0x0000ff, white, 8.59},
		{0xff0000, white, 4.00},
		{0x00ff00, black, 15.30},
		{0x0a0a0a, black, 1.06},
	}
	for _, tt := range tests {
		if got := contrast(tt.a, tt.b); math.Abs(got-tt.want) > 0.005 {
			t.Errorf("contrast(%s, %s) = %.3f, want %.2f", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestThemeCSS(t *testing.T) {
	t.Parallel()
	got, err := ThemeCSS("#FD0")
	if err != nil {
		t.Fatal(err)
	}
	light, dark := colours(t, string(got))
	want := map[string]rgb{"accent": 0xffdd00, "on-accent": black}
	for name, c := range want {
		if light[name] != c || dark[name] != c {
			t.Errorf("--%s = %s in light, %s in dark, want %s", name, light[name], dark[name], c)
		}
	}
	if light["accent-text"] == light["accent"] {
		t.Error("yellow is left as text on a light page")
	}
	if dark["accent-text"] != dark["accent"] {
		t.Errorf("yellow reads on a dark page and was changed to %s", dark["accent-text"])
	}
}

func TestThemeCSSRefusesAllButHexColours(t *testing.T) {
	t.Parallel()
	for _, accent := range []string{
		"", "#", "red", "#12", "#1234", "#12345", "#1234567", "#12345678", "123456", "##123456", "#12345g", "#ggg",
		" #123456", "#123456 ", "#123456;", "#123456;}body{display:none", "rgb(1,2,3)", "url(x)", "#日本", "＃123456",
	} {
		if css, err := ThemeCSS(accent); err == nil || css != nil {
			t.Errorf("ThemeCSS(%q) = %q, %v, want an error alone", accent, css, err)
		}
	}
}

func TestThemeCSSReads(t *testing.T) {
	t.Parallel()
	const seed1, seed2 = 3, 14
	random := rand.New(rand.NewPCG(seed1, seed2))
	accents := []string{"#000000", "#ffffff", "#767676", "#777777", "#7f7f7f", "#808080"}
	for range 1000 {
		accents = append(accents, fmt.Sprintf("#%06x", random.IntN(1<<24)))
	}
	ownLight, ownDark := colours(t, stylesheet(t))
	for _, accent := range accents {
		css, err := ThemeCSS(accent)
		if err != nil {
			t.Fatal(err)
		}
		light, dark := colours(t, string(css))
		for scheme, pair := range map[string][2]map[string]rgb{"light": {light, ownLight}, "dark": {dark, ownDark}} {
			theme, own := pair[0], pair[1]
			checkContrast(t, accent+" "+scheme, "on-accent on accent", theme["on-accent"], theme["accent"], MinContrast)
			for _, ground := range []string{"page", "surface"} {
				checkContrast(t, accent+" "+scheme, "accent-text on "+ground, theme["accent-text"], own[ground], MinContrast)
			}
		}
	}
}

func checkContrast(t *testing.T, where, what string, text, ground rgb, least float64) {
	t.Helper()
	if got := contrast(text, ground); got < least {
		t.Errorf("%s: %s (%s on %s) has contrast %.2f, want %.1f", where, what, text, ground, got, least)
	}
}

func TestStylesheetContrast(t *testing.T) {
	t.Parallel()
	light, dark := colours(t, stylesheet(t))
	// WCAG 2.2 AA: 4.5 for text, 3 for the edges of controls (1.4.11).
	pairs := []struct {
		text, ground string
		least        float64
	}{
		{"ink", "page", MinContrast},
		{"ink", "surface", MinContrast},
		{"ink", "sunken", MinContrast},
		{"muted", "page", MinContrast},
		{"muted", "surface", MinContrast},
		{"muted", "sunken", MinContrast},
		{"accent-text", "page", MinContrast},
		{"accent-text", "surface", MinContrast},
		{"accent-text", "sunken", MinContrast},
		{"on-accent", "accent", MinContrast},
		{"on-ours", "ours", MinContrast},
		{"good", "good-wash", MinContrast},
		{"wait", "wait-wash", MinContrast},
		{"bad", "bad-wash", MinContrast},
		{"bad", "surface", MinContrast},
		{"edge", "page", 3},
		{"edge", "surface", 3},
		{"accent", "surface", 3},
	}
	for scheme, tokens := range map[string]map[string]rgb{"light": light, "dark": dark} {
		for _, p := range pairs {
			for _, name := range []string{p.text, p.ground} {
				if _, ok := tokens[name]; !ok {
					t.Fatalf("%s: no --%s in textme.css", scheme, name)
				}
			}
			checkContrast(t, scheme, p.text+" on "+p.ground, tokens[p.text], tokens[p.ground], p.least)
		}
	}
}

func TestStylesheetFetchesNothing(t *testing.T) {
	t.Parallel()
	css := stylesheet(t)
	for _, unwanted := range []string{"url(", "@import", "@font-face", "expression("} {
		if strings.Contains(css, unwanted) {
			t.Errorf("textme.css contains %s", unwanted)
		}
	}
}
