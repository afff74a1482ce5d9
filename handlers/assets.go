package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"textme/chat"
	"textme/templates"
)

// assets serves the stylesheet and the icon.
type assets struct{ templates *templates.Templates }

// file serves one asset by its hashed name. Its content never changes under
// that name.
func (a *assets) file(c echo.Context) error {
	asset, ok := a.templates.Asset(c.Param("file"))
	if !ok {
		return chat.ErrNotFound
	}
	cacheFor(c, "public, max-age=31536000, immutable")
	return c.Blob(http.StatusOK, asset.ContentType, asset.Body)
}

// favicon is where browsers look when no page has told them of the icon.
func (a *assets) favicon(c echo.Context) error {
	cacheFor(c, "public, max-age=86400")
	return c.Redirect(http.StatusFound, a.templates.AssetPath("favicon.svg"))
}
