//go:build browser

package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// maxPicture is what a picture in the README may weigh, in bytes.
const maxPicture = 200_000

// The README's pictures are taken here, with TEXTME_SHOTS=docs/img as an
// absolute path: the form beside the phone that it made buzz, and a talk as
// staff see it.
func TestBrowserReadmePictures(t *testing.T) {
	t.Parallel()
	const crisp = 2 // pixels of a picture for each of CSS, the same for all: nothing is resampled
	s := newTown(t)
	b, p := visit(s), newBrowser(t)
	b.do("use a small desk", screen{1040, 750, crisp, "light"}.use())
	b.opens(storyPublic+"/s/harbor", http.StatusOK)
	b.do("fill in the form", fill("phone", "(415) 555-0169"), fill("name", "Priya Raghunathan"), click("#consent"))
	js[any](b, `document.activeElement.blur()`)
	form := ask(b, "shoot the form", chromedp.CaptureScreenshot())

	p.do("use a desk", screen{1280, 800, crisp, "light"}.use())
	p.opens(s.phonePage(priya), http.StatusOK)
	phone := ask(p, "shoot the phone", chromedp.Screenshot(chromedp.CSS(".device")))
	p.do("take an empty page", chromedp.Navigate("about:blank"), screen{1480, 750, crisp, "light"}.use())
	js[any](p, fmt.Sprintf(`Object.assign(document.body.style, { margin: 0, background: "#f2f5f3", display: "flex", alignItems: "center" });
		document.body.innerHTML = '<img src="%s" width="1040"><img src="%s" width="384" style="border-radius: 2.6rem">'`, inline(form), inline(phone)))
	ask(p, "load them", chromedp.Evaluate[any](`Promise.all([...document.images].map((i) => i.decode())).then(() => true)`, chromedp.EvalAwaitPromise))
	publish(t, "signup-and-phone", ask(p, "shoot both", chromedp.CaptureScreenshot()))

	b.do("use a desk", screen{1180, 750, crisp, "light"}.use())
	b.signsIn(s, "carla")
	b.opens(adminList+"/"+s.conversationOf(maya), http.StatusOK)
	end := js[int64](b, `Math.ceil(document.querySelectorAll(".message")[4].getBoundingClientRect().bottom) + 10`)
	b.do("end after a message", screen{1180, end, crisp, "light"}.use())
	publish(t, "conversation", ask(b, "shoot the talk", chromedp.CaptureScreenshot()))
}

// inline is the picture as an address.
func inline(picture []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture)
}

// publish saves the picture as small as it gets, which must be small enough.
func publish(t *testing.T, name string, picture []byte) {
	t.Helper()
	decoded, err := png.Decode(bytes.NewReader(picture))
	must(t, err)
	var small bytes.Buffer
	must(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, fewColors(decoded)))
	if small.Len() > maxPicture {
		t.Errorf("%s takes %d bytes, more than %d", name, small.Len(), maxPicture)
	}
	save(t, name, small.Bytes())
}

// fewColors is the picture in its 256 most frequent colours, which a page of
// flat ones loses nothing by.
func fewColors(picture image.Image) image.Image {
	full := image.NewNRGBA(picture.Bounds())
	draw.Draw(full, full.Rect, picture, full.Rect.Min, draw.Src)
	count := map[color.NRGBA]int{}
	for y := range full.Rect.Dy() {
		for x := range full.Rect.Dx() {
			count[full.NRGBAAt(x, y)]++
		}
	}
	often := slices.SortedFunc(maps.Keys(count), func(a, b color.NRGBA) int { return count[b] - count[a] })
	few := image.NewPaletted(full.Rect, nil)
	for _, c := range often[:min(len(often), 256)] {
		few.Palette = append(few.Palette, c)
	}
	index := map[color.NRGBA]uint8{}
	for c := range count {
		index[c] = uint8(few.Palette.Index(c))
	}
	for y := range full.Rect.Dy() {
		for x := range full.Rect.Dx() {
			few.SetColorIndex(x, y, index[full.NRGBAAt(x, y)])
		}
	}
	return few
}
