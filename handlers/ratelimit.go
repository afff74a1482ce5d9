package handlers

import (
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"
)

// Rate bounds how often one address may post: Burst at once, and one more
// after each Every. The zero Rate is no bound.
type Rate struct {
	Burst int
	Every time.Duration
}

// maxAddresses is how many addresses are counted at a time, about 15 MiB.
const maxAddresses = 50_000

// addressLimit counts the requests of each address (see networkOf).
type addressLimit struct {
	rate Rate
	now  func() time.Time

	mu      sync.Mutex
	buckets *lru[netip.Prefix, *rate.Limiter]
}

func newAddressLimit(r Rate, now func() time.Time) *addressLimit {
	return &addressLimit{rate: r, now: now, buckets: newLRU[netip.Prefix, *rate.Limiter](maxAddresses)}
}

// guard lets a request through to next, or returns a tooManyError.
func (l *addressLimit) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if wait := l.take(clientIP(c)); wait > 0 {
			return tooManyError{wait}
		}
		return next(c)
	}
}

// take counts one request, or returns how long the address has to wait.
func (l *addressLimit) take(addr netip.Addr) (wait time.Duration) {
	network, counted := networkOf(addr)
	if !counted || l.rate == (Rate{}) {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := *l.buckets.at(network, func() *rate.Limiter {
		return rate.NewLimiter(rate.Every(l.rate.Every), l.rate.Burst)
	})
	now := l.now()
	reservation := bucket.ReserveN(now, 1)
	if wait = reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}
