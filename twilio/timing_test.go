package twilio

import (
	"encoding/base64"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Row S6: a forger who could tell from the time of a refusal how many bytes of
// the signature were right would find it byte by byte. This takes 200,000
// samples for each number of right bytes, in random order, and reports the
// largest of Welch's t between none right and some right, slow outliers left
// out; beyond 3.3 they differ with p = 0.001.
func BenchmarkRefusalTiming(b *testing.B) {
	const token, base, samples = "0123456789abcdef0123456789abcdef", "https://example.com", 200_000
	v, err := NewVerifier(base, token)
	if err != nil {
		b.Fatal(err)
	}
	right, err := base64.StdEncoding.DecodeString(sign(token, base+capturedTarget, captured))
	if err != nil {
		b.Fatal(err)
	}
	prefixes := []int{0, 1, 4, 10, 16, 19}
	forged := make([][]string, len(prefixes))
	for i, n := range prefixes {
		mac := slices.Clone(right)
		for j := n; j < len(mac); j++ {
			mac[j] ^= 0xff
		}
		forged[i] = []string{base64.StdEncoding.EncodeToString(mac)}
	}
	body := []byte(captured)
	for b.Loop() {
		took := make([][]float64, len(prefixes))
		for range samples * len(prefixes) {
			i := rand.IntN(len(prefixes))
			begin := time.Now()
			if v.Verify(capturedTarget, body, formType, forged[i]) == nil {
				b.Fatal("a forged signature is accepted")
			}
			took[i] = append(took[i], float64(time.Since(begin)))
		}
		most := 0.0
		for i := range took[1:] {
			most = max(most, math.Abs(welch(usual(took[0]), usual(took[i+1]))))
		}
		b.ReportMetric(most, "max|t|")
	}
}

// usual leaves out the slowest twentieth, which the machine made slow.
func usual(samples []float64) []float64 {
	slices.Sort(samples)
	return samples[:len(samples)*19/20]
}

// welch is Welch's t of two samples.
func welch(a, b []float64) float64 {
	meanA, errA := moments(a)
	meanB, errB := moments(b)
	return (meanA - meanB) / math.Sqrt(errA+errB)
}

// moments returns the mean and the square of its standard error.
func moments(samples []float64) (mean, squaredError float64) {
	n := float64(len(samples))
	for _, x := range samples {
		mean += x / n
	}
	for _, x := range samples {
		squaredError += (x - mean) * (x - mean) / (n - 1) / n
	}
	return mean, squaredError
}
