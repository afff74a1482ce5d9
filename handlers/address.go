package handlers

import (
	"net"
	"net/netip"

	"github.com/labstack/echo/v4"
)

// clientIPFrom takes X-Forwarded-For from trusted proxies only: the nearest
// address that none of them has. Without any, the socket's address counts.
// Echo's own default would believe everybody, and its options trust loopback
// and private networks unless told not to.
func clientIPFrom(trusted []netip.Prefix) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range trusted {
		p = p.Masked()
		options = append(options, echo.TrustIPRange(&net.IPNet{
			IP:   p.Addr().AsSlice(),
			Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// clientIP is the caller's address, the zero Addr if it has none (a Unix
// socket).
func clientIP(c echo.Context) netip.Addr {
	addr, err := netip.ParseAddr(c.RealIP())
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// networkOf is whom an address stands for when requests are counted: itself,
// or its /64, which is what one household gets of IPv6. Loopback and unknown
// addresses are not counted: behind a proxy of our own that nobody declared,
// everyone would be one address.
func networkOf(addr netip.Addr) (network netip.Prefix, counted bool) {
	if !addr.IsValid() || addr.IsLoopback() {
		return netip.Prefix{}, false
	}
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	network, err := addr.Prefix(bits)
	return network, err == nil
}
