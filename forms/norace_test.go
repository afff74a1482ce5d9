//go:build !race

package forms_test

// slowed is how much longer things may take without the race detector.
const slowed = 1
