//go:build browser

package main

import "github.com/chromedp/chromedp"

// inspection lists what is wrong with the page as it stands, in sentences.
// Contrast and size of targets are as WCAG 2.2 has them (1.4.3, 2.5.8).
const inspection = `(() => {
	const faults = [];
	const name = (e) => "<" + e.tagName.toLowerCase() + (e.id ? "#" + e.id : e.className ? "." + e.className : "") + "> " + (e.innerText || e.value || "").slice(0, 30);
	const every = (selector) => [...document.querySelectorAll(selector)];
	const clipped = (e) => e !== null && (getComputedStyle(e).clipPath !== "none" || clipped(e.parentElement));
	const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && !clipped(e) && !e.closest(".skip");

	if (document.documentElement.lang !== "en") faults.push("no language");
	if (document.title === "") faults.push("no title");
	if (every("h1").length !== 1) faults.push(every("h1").length + " main headings");
	every("input:not([type=hidden]), select, textarea").filter((e) => e.labels.length === 0).forEach((e) => faults.push("no label: " + name(e)));
	every("img").filter((e) => e.naturalWidth === 0).forEach((e) => faults.push("no picture: " + e.src));
	every("link[rel=stylesheet]").filter((e) => !e.sheet || e.sheet.cssRules.length === 0).forEach((e) => faults.push("no stylesheet: " + e.href));

	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > width) faults.push("scrolls sideways: " + document.documentElement.scrollWidth + " > " + width);
	const bottom = Math.max(innerHeight, Math.ceil(document.body.getBoundingClientRect().bottom + scrollY));
	if (document.documentElement.scrollHeight > bottom + 1) faults.push("scrolls on after its end: " + document.documentElement.scrollHeight + " > " + bottom);
	const scrolls = (e) => e && e !== document.body && (["auto", "scroll"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
	every("body *").filter((e) => shown(e) && !scrolls(e) && e.getBoundingClientRect().right > width + 1).forEach((e) => faults.push("sticks out: " + name(e)));
	every("main *").filter((e) => shown(e) && getComputedStyle(e).overflowX === "visible" && e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1)
		.forEach((e) => faults.push("spills over: " + name(e)));
	every("a, button, input, select, textarea").filter(shown).forEach((e) => {
		const { width, height } = e.getBoundingClientRect();
		const inText = e.tagName === "A" && getComputedStyle(e).display === "inline";
		if (!inText && e.type !== "hidden" && (width < 24 || height < 24)) faults.push("hard to hit, " + width + " by " + height + ": " + name(e));
	});

	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgba = (color) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = color;
		canvas.fillRect(0, 0, 1, 1);
		const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
		return { c: [r, g, b], a: a / 255 };
	};
	const over = (top, below) => top.c.map((v, i) => v * top.a + below[i] * (1 - top.a));
	const back = (e) => e ? over(rgba(getComputedStyle(e).backgroundColor), back(e.parentElement)) : over(rgba("Canvas"), [255, 255, 255]);
	const luminance = (c) => c.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)]; return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) {
		const e = texts.currentNode.parentElement;
		if (texts.currentNode.data.trim() === "" || !shown(e) || getComputedStyle(e).backgroundImage !== "none") continue;
		const style = getComputedStyle(e);
		const size = parseFloat(style.fontSize);
		const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
		const has = contrast(over(rgba(style.color), back(e)), back(e));
		if (has < least) faults.push("hard to read, " + has.toFixed(2) + ": " + name(e));
	}
	return faults;
})()`

// focus describes what has the keyboard: which element it is, and whether that
// can be seen.
const focus = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body) return { at: -1 };
	const style = getComputedStyle(e);
	const box = e.getBoundingClientRect();
	const visible = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width >= 8 && box.height >= 8 &&
		box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
	return { at: [...document.querySelectorAll("*")].indexOf(e), name: e.tagName + " " + (e.id || e.innerText || e.className), visible };
})()`

// tabsThrough walks the page with the Tab key: every stop must be seen, each
// comes once, and nothing holds the keyboard.
func (b *browser) tabsThrough(page string) {
	b.t.Helper()
	const stops = `[...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
		.filter((e) => e.tabIndex >= 0 && e.type !== "hidden" && e.checkVisibility({ visibilityProperty: true })).length`
	want, seen := js[int](b, stops), map[int]bool{}
	js[any](b, `document.activeElement.blur()`)
	for range want {
		b.do("press Tab", chromedp.KeyEvent("\t"))
		at := js[struct {
			At      int    `json:"at"`
			Name    string `json:"name"`
			Visible bool   `json:"visible"`
		}](b, focus)
		switch {
		case at.At < 0:
			b.t.Errorf("%s: Tab leaves the page after %d of %d stops", page, len(seen), want)
			return
		case seen[at.At]:
			b.t.Errorf("%s: Tab comes to %s again after %d of %d stops", page, at.Name, len(seen), want)
			return
		case !at.Visible:
			b.t.Errorf("%s: nobody sees that %s has the keyboard", page, at.Name)
		}
		seen[at.At] = true
	}
}
