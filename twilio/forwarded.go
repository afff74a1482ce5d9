package twilio

import (
	"net/http"
	"regexp"
	"strings"
)

// What proxies say about the request they got. Anyone can write these headers,
// so they only ever help to explain why a webhook was refused.

var (
	hostPattern = regexp.MustCompile(`^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])$`)
	portPattern = regexp.MustCompile(`^:[0-9]{1,5}$`)
	pathPattern = regexp.MustCompile(`^/[!-~]{0,999}$`)
)

// firstOf is the first element of a list in a header, which is what the
// outermost proxy saw.
func firstOf(header http.Header, name string) string {
	first, _, _ := strings.Cut(header.Get(name), ",")
	return strings.TrimSpace(first)
}

// forwardedOrigins are the scheme, host and port that the headers speak of,
// first as a whole, then under each scheme.
func forwardedOrigins(header http.Header) []webhookURL {
	scheme := firstOf(header, "X-Forwarded-Proto")
	hosts := []string{firstOf(header, "X-Forwarded-Host"), firstOf(header, "X-Original-Host"), header.Get("Host")}
	for field := range strings.SplitSeq(firstOf(header, "Forwarded"), ";") { // RFC 7239
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "host":
			hosts = append(hosts, value)
		case "proto":
			scheme = value
		}
	}
	schemes := []string{"https://", "http://"}
	if strings.EqualFold(scheme, "http") {
		schemes = []string{"http://", "https://"}
	}
	var all []webhookURL
	for _, host := range hosts {
		u, ok := splitURL(schemes[0] + host)
		if !ok || !hostPattern.MatchString(u.host) || u.port != "" && !portPattern.MatchString(u.port) {
			continue
		}
		all = append(all, webhookURL{scheme: schemes[0], host: u.host, port: u.port})
		if port := ":" + firstOf(header, "X-Forwarded-Port"); portPattern.MatchString(port) && port != u.defaultPort() {
			all = append(all, webhookURL{scheme: schemes[0], host: u.host, port: port})
		}
		all = append(all, webhookURL{scheme: schemes[1], host: u.host, port: u.port})
	}
	return all
}

// forwardedTargets are the request targets that proxies say they rewrote.
func forwardedTargets(header http.Header) []webhookURL {
	var all []webhookURL
	for _, name := range []string{"X-Original-Uri", "X-Original-Url", "X-Forwarded-Uri", "X-Rewrite-Url", "X-Envoy-Original-Path", "X-Forwarded-Path"} {
		target := header.Get(name)
		if u, ok := splitURL(target); ok {
			target = u.path + u.query
		}
		if !pathPattern.MatchString(target) {
			continue
		}
		path, query, found := strings.Cut(target, "?")
		if found {
			query = "?" + query
		}
		all = append(all, webhookURL{path: path, query: query})
	}
	return all
}

// forwardedPrefixes are the path prefixes that proxies say they stripped.
func forwardedPrefixes(header http.Header) []string {
	var all []string
	for _, name := range []string{"X-Forwarded-Prefix", "X-Script-Name", "X-Ingress-Path"} {
		if prefix := strings.TrimSuffix(header.Get(name), "/"); pathPattern.MatchString(prefix) {
			all = append(all, prefix)
		}
	}
	return all
}
