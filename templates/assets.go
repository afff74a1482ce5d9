package templates

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

//go:embed static
var static embed.FS

// StaticPrefix is where assets are served from.
const StaticPrefix = "/static/"

// Asset is one static file. Its URL changes with its content, so it may be
// cached for ever ("public, max-age=31536000, immutable").
type Asset struct {
	ContentType string
	Body        []byte // shared: not to be changed
}

// assets knows each file by its plain and by its hashed name.
type assets struct {
	hashed map[string]string // textme.css -> textme.0123456789ab.css
	byName map[string]Asset  // by hashed name
}

// contentType is spelled out because mime.TypeByExtension depends on the
// machine it runs on.
func contentType(ext string) (string, bool) {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8", true
	case ".svg":
		return "image/svg+xml", true
	default:
		return "", false
	}
}

func loadAssets() (assets, error) {
	a := assets{hashed: map[string]string{}, byName: map[string]Asset{}}
	entries, err := static.ReadDir("static")
	if err != nil {
		return a, fmt.Errorf("list static files: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		body, err := static.ReadFile("static/" + name)
		if err != nil {
			return a, fmt.Errorf("read static file: %w", err)
		}
		ext := path.Ext(name)
		kind, ok := contentType(ext)
		if !ok {
			return a, fmt.Errorf("static file %s has no known content type", name)
		}
		sum := sha256.Sum256(body)
		hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		a.hashed[name] = hashed
		a.byName[hashed] = Asset{ContentType: kind, Body: body}
	}
	return a, nil
}

// AssetPath is the URL path of the asset with that plain name, "textme.css" or
// "favicon.svg", as in /static/textme.0123456789ab.css. An unknown name gives
// the empty string.
func (t *Templates) AssetPath(name string) string {
	hashed, ok := t.assets.hashed[name]
	if !ok {
		return ""
	}
	return StaticPrefix + hashed
}

// Asset finds an asset by its hashed name, the part of its path after
// StaticPrefix. Plain names and names with an outdated hash are not found.
func (t *Templates) Asset(hashedName string) (Asset, bool) {
	asset, ok := t.assets.byName[hashedName]
	return asset, ok
}
