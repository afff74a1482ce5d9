package chat

import (
	"context"
	"fmt"
)

type concernKey struct{}

// Concerning returns a context whose calls to Twilio are about one thing: what the job
// is about, whether it makes them or somebody else. That all of those go wrong says
// nothing of Twilio: see Concern.
func Concerning(ctx context.Context, job Job) context.Context {
	return context.WithValue(ctx, concernKey{}, fmt.Sprint(job))
}

// Concern is what the calls made with ctx are about, "" if they may be about anything.
func Concern(ctx context.Context) string {
	what, _ := ctx.Value(concernKey{}).(string)
	return what
}
