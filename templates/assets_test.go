package templates

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestAssets(t *testing.T) {
	t.Parallel()
	tpl := newTemplates(t)
	tests := map[string]struct {
		path        *regexp.Regexp
		contentType string
		starts      string
	}{
		"textme.css":  {regexp.MustCompile(`^/static/textme\.[0-9a-f]{12}\.css$`), "text/css; charset=utf-8", "/* textme"},
		"favicon.svg": {regexp.MustCompile(`^/static/favicon\.[0-9a-f]{12}\.svg$`), "image/svg+xml", "<svg"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tpl.AssetPath(name)
			if !tt.path.MatchString(path) {
				t.Fatalf("AssetPath = %q, want %s", path, tt.path)
			}
			asset, ok := tpl.Asset(strings.TrimPrefix(path, StaticPrefix))
			if !ok {
				t.Fatalf("no asset at %s", path)
			}
			if asset.ContentType != tt.contentType {
				t.Errorf("content type = %q, want %q", asset.ContentType, tt.contentType)
			}
			if !bytes.HasPrefix(asset.Body, []byte(tt.starts)) {
				t.Errorf("body starts %.20q, want %q", asset.Body, tt.starts)
			}
		})
	}
}

func TestUnknownAssets(t *testing.T) {
	t.Parallel()
	tpl := newTemplates(t)
	if got := tpl.AssetPath("nothing.js"); got != "" {
		t.Errorf("AssetPath of an unknown name = %q, want none", got)
	}
	for _, name := range []string{"", "textme.css", "textme.000000000000.css", "../templates.go", "static/textme.css"} {
		if _, ok := tpl.Asset(name); ok {
			t.Errorf("Asset(%q) was found", name)
		}
	}
}

func TestPagesLinkTheHashedAssets(t *testing.T) {
	t.Parallel()
	tpl := newTemplates(t)
	for name, page := range fullPages() {
		out := render(t, page)
		for _, asset := range []string{"textme.css", "favicon.svg"} {
			if !strings.Contains(out, `href="`+tpl.AssetPath(asset)+`"`) {
				t.Errorf("%s does not link %s", name, asset)
			}
		}
	}
}
