//go:build race

package forms_test

// slowed is how much longer things may take under the race detector.
const slowed = 10
