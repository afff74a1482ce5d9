package templates

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
)

// MinContrast is the least contrast ratio of text that WCAG 2.2 AA allows
// (success criterion 1.4.3).
const MinContrast = 4.5

// The grounds that accent-coloured text stands on, as textme.css paints them:
// of page and surface the one nearer to the text.
const (
	lightGround rgb = 0xf2f5f3
	darkGround  rgb = 0x1a2320
)

// ThemeCSS is a stylesheet that puts a source's accent colour in place of our
// own. accent is #rgb or #rrggbb in either case; anything else is an error, so
// nothing but colours can reach the answer.
//
// It sets --accent to the colour itself, --on-accent to black or white,
// whichever reads better on it, and --accent-text to the nearest tone of it
// that reads on our page in light and in dark. Each pair has at least
// MinContrast. The same accent always gives the same bytes.
func ThemeCSS(accent string) ([]byte, error) {
	c, err := parseHex(accent)
	if err != nil {
		return nil, err
	}
	onAccent := white
	if contrast(c, black) > contrast(c, white) {
		onAccent = black
	}
	return fmt.Appendf(nil, `:root {
  --accent: %s;
  --on-accent: %s;
  --accent-text: %s;
}
@media (prefers-color-scheme: dark) {
  :root {
    --accent-text: %s;
  }
}
`, c, onAccent, readable(c, lightGround, black), readable(c, darkGround, white)), nil
}

// rgb is an sRGB colour, 0xrrggbb.
type rgb uint32

const (
	black rgb = 0x000000
	white rgb = 0xffffff
)

func (c rgb) String() string { return fmt.Sprintf("#%06x", uint32(c)) }

// channels are red, green and blue, 0 to 255.
func (c rgb) channels() [3]float64 {
	return [3]float64{float64(c >> 16 & 0xff), float64(c >> 8 & 0xff), float64(c & 0xff)}
}

func parseHex(s string) (rgb, error) {
	digits, ok := strings.CutPrefix(s, "#")
	if ok && len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != 3 {
		return 0, fmt.Errorf("accent colour %q is not #rgb or #rrggbb", s)
	}
	return rgb(b[0])<<16 | rgb(b[1])<<8 | rgb(b[2]), nil
}

// readable is c, mixed with as little of towards as gives MinContrast on
// ground.
func readable(c, ground, towards rgb) rgb {
	const steps = 64
	for i := range steps {
		if tone := mix(c, towards, float64(i)/steps); contrast(tone, ground) >= MinContrast {
			return tone
		}
	}
	return towards
}

// mix is the colour that far on the straight way from a (0) to b (1).
func mix(a, b rgb, way float64) rgb {
	var c rgb
	from, to := a.channels(), b.channels()
	for i := range from {
		c = c<<8 | rgb(math.Round(from[i]+(to[i]-from[i])*way))
	}
	return c
}

// contrast is the WCAG 2.2 contrast ratio, 1 to 21, in either order.
func contrast(a, b rgb) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance is the WCAG 2.2 relative luminance, 0 to 1.
func luminance(c rgb) float64 {
	var linear [3]float64
	for i, channel := range c.channels() {
		v := channel / 255
		if v <= 0.04045 {
			linear[i] = v / 12.92
		} else {
			linear[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*linear[0] + 0.7152*linear[1] + 0.0722*linear[2]
}
