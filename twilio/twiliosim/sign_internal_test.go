package twiliosim

import (
	"net/url"
	"testing"
)

// Vectors published in the test suites of Twilio's own libraries (node, python,
// java, go), plus two of repeated names.
func TestSign(t *testing.T) {
	t.Parallel()
	const u = "https://mycompany.com/myapp.php?foo=1&bar=2"
	five := url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"},
	}
	seven := url.Values{"ReasonConferenceEnded": {"test"}, "Reason": {"Participant"}}
	for name, v := range five {
		seven[name] = v
	}
	example := url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675310"}, "Digits": {"1234"}, "From": {"+14158675310"}, "To": {"+18005551212"},
	}
	tests := []struct {
		name    string
		address string
		params  url.Values
		want    string
	}{
		{"form", u, five, "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		{"name that is a prefix", u, seven, "vOEb5UThFn24KEfnOFLQY2AE5FY="},
		{"http", "http://mycompany.com/myapp.php?foo=1&bar=2", seven, "n2xBNyzSW7rfYStDtOFiFMv7qNo="},
		{"odd port", "http://mycompany.com:1234/myapp.php?foo=1&bar=2", five, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="},
		{"https port", "https://mycompany.com:443/myapp.php?foo=1&bar=2", five, "kvajT1Ptam85bY51eRf/AJRuM3w="},
		{"http port", "http://mycompany.com:80/myapp.php?foo=1&bar=2", five, "0ZXoZLH/DfblKGATFgpif+LLRf4="},
		{"user and password", "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", five, "CukzLTc1tT5dXEDIHm/tKBanW10="},
		{"user", "https://user@mycompany.com/myapp.php?foo=1&bar=2", five, "2YRLlVAflCqxaNicjMpJcSTgzSs="},
		{"user, password and port", "https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2", five, "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="},
		{"escapes in the query", u + "&Body=It%27s+amazing", five, "TfZzewPq8wqrGlMfyAud8+/IvJ0="},
		{"repeated name", u, url.Values{"MessagingBinding.Address": {"+1325xxxxxxx", "+1415xxxxxxx"}}, "83O6e2vORAoJHUNzJjDWN1jz+BA="},
		{"repeated value", u, url.Values{"Sid": {"CA123"}, "SidAccount": {"AC123"}, "Digits": {"5678", "1234", "1234"}}, "IK+Dwps556ElfBT0I3Rgjkr1wJU="},
		{"no parameters", u, nil, "zYQTYrRWXE7LtzbG4PfP7/bkkGo="},
		{"no query", "https://mycompany.com/myapp.php", five, "1xaxFBvyzXYvWplzNOSs28HWO94="},
		{"query stays encoded", "https://mycompany.com/myapp.php?foo=hello%20world&bar=test%2Bvalue", five, "er2tvAP1Wx+iuTTE2BPgvEaN1cs="},
		{"unicode values", u, url.Values{"Message": {"Hello & goodbye! @#$%^*()"}, "From": {"+1 (415) 867-5309"}, "Special": {"unicode: ñáéíóú"}}, "dCPiR4WtQ6QFN6pJh81CtlCcWLQ="},
		{"empty values", u, url.Values{"Digits": {""}, "CallSid": {"CA1234567890ABCDE"}, "EmptyParam": {""}}, "9HHp/OqQMEwdrVebHDdA/+tqjX8="},
		{"case of names", u, url.Values{"callSid": {"lowercase"}, "CallSid": {"uppercase"}, "CALLSID": {"allcaps"}}, "jDK7WKT8wiNrwggd4ceTv4e1MJ4="},
		{"order of names", u, url.Values{"Zebra": {"last"}, "Alpha": {"first"}, "Beta": {"second"}, "Gamma": {"third"}}, "enveUe73ZTVLAekHxez3Qx6JuuQ="},
		{"raw unicode path", "https://mycompany.com/webhook/España?año=2023", five, "G/Hx6mqqnjUNlPAoi2Sp9bGst0g="},
		{"double slash", "https://mycompany.com:443//myapp.php?foo=1&bar=2", five, "A9lH3u16NjyiiM/+wylw5rirFUs="},
		{"whole query", u + "&type=thiswontbeusedinthesignaturegeneratorandsoshouldbeignored", five, "hYkNsTBttoNGkyCS0p+wWmQoRTg="},
		{"plain words", u, url.Values{"property": {"value"}, "boolean": {"true"}}, "NBdBDr/T/lgjI+tlgpXjKZQZs/k="},
		{"body hash in the query", u + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620", nil, "a9nBmqA0ju/hNViExpshrM61xv4="},
		{"body hash alone", "https://mycompany.com/myapp.php?bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620", nil, "y77kIzt2vzLz71DgmJGsen2scGs="},
		{"body hash and port", "https://mycompany.com:443/myapp.php?foo=1&bar=2&bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", nil, "Ldidvp12m26NI7eqEvxnEpkd9Hc="},
		{"documentation", "https://example.com/myapp.php?foo=1&bar=2", example, "L/OH5YylLD5NRKLltdqwSvS0BnU="},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := sign("12345", tt.address, tt.params); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if got := sign("12345", u, seven); got == "95+Bu0JVPi0r/SsESZCVf0dWAjw=" {
		t.Error("signed in the wrong order of names")
	}
}

func TestSignedURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, configured, want string }{
		{"plain", "https://a.example/x?y=1", "https://a.example/x?y=1"},
		{"fragment", "https://a.example/x?y=1#rc=2&rp=all", "https://a.example/x?y=1"},
		{"user and password", "https://u:p@a.example:8443/x", "https://a.example:8443/x"},
		{"at sign in the path", "https://a.example/x@y?z=@", "https://a.example/x@y?z=@"},
		{"case and escapes stay", "HTTPS://A.Example/%2F", "HTTPS://A.Example/%2F"},
		{"no path", "https://u@a.example", "https://a.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := signedURL(tt.configured); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
