package handlers

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"textme/chat"
)

// devices recognises browsers that have signed in to an account before, so
// that strangers who guess at the account cannot keep its owner waiting
// (https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies).
// The cookie opens nothing: it only has its attempts counted apart.
type devices struct {
	keys   *chat.Keyring
	now    func() time.Time
	secure bool
}

const (
	deviceCookie = "textme-device"
	deviceUse    = "device cookie"
	deviceLife   = 180 * 24 * time.Hour
)

// bucketFor is where an attempt on the account is counted.
func (d *devices) bucketFor(c echo.Context, username string) bucket {
	cookie, err := c.Cookie(cookieName(deviceCookie, d.secure))
	if err == nil && d.knows(cookie.Value, username) {
		return bucket{byDevice, cookie.Value}
	}
	return bucket{byAccount, string(hashOf([]byte(username)))} // hashed: names may be long
}

func (d *devices) knows(cookie, username string) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil || len(sealed) == 0 {
		return false
	}
	plain, err := d.keys.Open(sealed, deviceUse)
	if err != nil {
		return false
	}
	since, owner, _ := strings.Cut(string(plain), " ")
	unix, err := strconv.ParseInt(since, 10, 64)
	return err == nil && owner == username && d.now().Sub(time.Unix(unix, 0)) < deviceLife
}

// remember gives the browser its cookie.
func (d *devices) remember(c echo.Context, username string) {
	plain := strconv.FormatInt(d.now().Unix(), 10) + " " + username
	sealed := base64.RawURLEncoding.EncodeToString(d.keys.Seal([]byte(plain), deviceUse))
	c.SetCookie(newCookie(deviceCookie, sealed, d.secure, deviceLife))
}
