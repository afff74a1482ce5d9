package twiliosim

import (
	"crypto/subtle"
	"net/http"
)

// authenticated accepts AC and Auth Token, or the API key if there is one.
func (s *Server) authenticated(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if !ok {
		return false
	}
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	if same(user, s.opts.AccountSID) && same(password, *s.token.Load()) {
		return true
	}
	return s.opts.APIKeySID != "" && same(user, s.opts.APIKeySID) && same(password, s.opts.APIKeySecret)
}
