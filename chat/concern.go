package chat

import "context"

type concernKey struct{}

// Concerning returns a context whose calls to Twilio are about one thing, such as a
// job's conversation. That all of those go wrong says nothing of Twilio: see Concern.
func Concerning(ctx context.Context, what string) context.Context {
	return context.WithValue(ctx, concernKey{}, what)
}

// Concern is what the calls made with ctx are about, "" if they may be about anything.
func Concern(ctx context.Context) string {
	what, _ := ctx.Value(concernKey{}).(string)
	return what
}
