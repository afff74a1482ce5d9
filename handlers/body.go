package handlers

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"textme/forms"
)

// readBody returns the whole body as received, or forms.ErrTooLarge if it is
// longer than limit bytes. A body that breaks off is errUnparseable.
func readBody(c echo.Context, limit int64) ([]byte, error) {
	r := c.Request()
	raw, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, fmt.Errorf("read body: %w", forms.ErrTooLarge)
	case err != nil:
		return nil, fmt.Errorf("read body: %w: %w", errUnparseable, err)
	}
	return raw, nil
}

// readForm reads and parses the body. Only the body counts: a query is never
// mixed in.
func readForm(c echo.Context, limit int64) (raw []byte, fields forms.Fields, err error) {
	if raw, err = readBody(c, limit); err != nil {
		return nil, forms.Fields{}, err
	}
	fields, err = forms.ParseBody(c.Request().Header.Get(echo.HeaderContentType), raw)
	return raw, fields, err
}

// value returns the one value of the field of that name, "" if there is none.
func value(fields forms.Fields, name string) (string, error) {
	path, err := forms.ParsePath(name)
	if err != nil {
		return "", err
	}
	return fields.Value(path)
}
