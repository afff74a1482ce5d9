package chat

import "context"

type budgetKey struct{}

// Budgeted returns a context whose calls to Twilio, each page of a list among them,
// wait for spend first: see Spend.
func Budgeted(ctx context.Context, spend func(context.Context) error) context.Context {
	return context.WithValue(ctx, budgetKey{}, spend)
}

// Spend waits until one more call with ctx is within its budget. Without one it may be
// made at once.
func Spend(ctx context.Context) error {
	spend, bound := ctx.Value(budgetKey{}).(func(context.Context) error)
	if !bound {
		return nil
	}
	return spend(ctx)
}
