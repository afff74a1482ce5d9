package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"textme/chat"
)

var errLocked = translate("test", &pgconn.PgError{Code: "55P03"})

// What was found locked is tried again apart from the rest, and so is what comes to it
// meanwhile: it keeps no committer waiting any more.
func TestStuckItemsAreTriedApart(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []string
	saw := func(where string, items []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, item := range items {
			got = append(got, item+" "+where)
		}
	}
	together := func(_ context.Context, items []string) ([]string, []error) {
		saw("together", items)
		if items[0] == "ann 1" {
			return nil, []error{errLocked}
		}
		return items, nil
	}
	trying, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	apart := func(_ context.Context, items []string) (results []string, errs []error) {
		saw("apart", items)
		once.Do(func() {
			close(trying)
			<-free
			errs = []error{errLocked}
		})
		return items, errs
	}
	f := newFairCommit(func(item string) string { return item[:3] }, together, apart)
	var first sync.WaitGroup
	first.Go(func() {
		if result, err := f.do(t.Context(), "ann 1"); result != "ann 1" || err != nil {
			t.Errorf("what was stuck first: %q, %v", result, err)
		}
	})
	<-trying
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := f.do(gone, "ann 2"); !errors.Is(err, chat.ErrUnavailable) {
		t.Errorf("what nobody waits for: %v, want ErrUnavailable", err)
	}
	if result, err := f.do(t.Context(), "bob 1"); result != "bob 1" || err != nil {
		t.Errorf("what is not stuck: %q, %v", result, err)
	}
	close(free)
	first.Wait()
	if _, err := f.do(t.Context(), "ann 3"); err != nil {
		t.Error(err)
	}
	want := []string{"ann 1 together", "ann 1 apart", "bob 1 together", "ann 2 apart", "ann 1 apart", "ann 3 together"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tried (-want +got):\n%s", diff)
	}
}

// One by one, a locked subject is waited for once, what the database refuses concerns
// nobody else, and one that is away is not asked again.
func TestOneByOne(t *testing.T) {
	t.Parallel()
	errRefused := errors.New("refused")
	var tried []string
	items := []string{"ann 1", "bob 1", "ann 2", "eve 1", "bob 2", "zoe 1", "bob 3"}
	results, errs := oneByOne(items, func(item string) string { return item[:3] }, func(item string) (string, error) {
		tried = append(tried, item)
		switch item {
		case "ann 1":
			return "", errLocked
		case "eve 1":
			return "", errRefused
		case "zoe 1":
			return "", chat.ErrUnavailable
		}
		return "kept", nil
	})
	if want := []string{"ann 1", "bob 1", "eve 1", "bob 2", "zoe 1"}; !slices.Equal(tried, want) {
		t.Errorf("tried %q, want %q", tried, want)
	}
	if want := []string{"", "kept", "", "", "kept", "", ""}; !slices.Equal(results, want) {
		t.Errorf("results %q, want %q", results, want)
	}
	if want := []error{errLocked, nil, errLocked, errRefused, nil, chat.ErrUnavailable, chat.ErrUnavailable}; !slices.Equal(errs, want) {
		t.Errorf("errors %v, want %v", errs, want)
	}
}
