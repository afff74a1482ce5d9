package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"textme/chat"
)

var errLocked = translate("test", &pgconn.PgError{Code: "55P03"})

// What was found locked is tried again apart from the rest, and so is what comes to it
// for as long as a transaction that hangs can keep it: no committer waits for it any more.
func TestStuckItemsAreTriedApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, stuckItemsAreTriedApart)
}

func stuckItemsAreTriedApart(t *testing.T) {
	var mu sync.Mutex
	var got []string
	saw := func(where string, items []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, item := range items {
			got = append(got, item+" "+where)
		}
	}
	together := func(_ context.Context, _ time.Duration, items []string) ([]string, []error) {
		saw("together", items)
		if items[0] == "ann 1" {
			return nil, []error{errLocked}
		}
		return items, nil
	}
	trying, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	apart := func(_ context.Context, _ time.Duration, items []string) (results []string, errs []error) {
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
	for _, item := range []string{"ann 3", "ann 4"} {
		if _, err := f.do(t.Context(), item); err != nil {
			t.Error(err)
		}
		time.Sleep(hangTimeout)
	}
	want := []string{"ann 1 together", "ann 1 apart", "bob 1 together", "ann 2 apart", "ann 1 apart", "ann 3 apart", "ann 4 together"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tried (-want +got):\n%s", diff)
	}
}

// A process hangs that has a whole batch of people locked, who come back one after the
// other and again and again: whoever else comes is answered before a visitor has waited
// for too long.
func TestManyStuckKeepNobodyElseWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, manyStuckKeepNobodyElseWaiting)
}

func manyStuckKeepNobodyElseWaiting(t *testing.T) {
	const (
		answerWithin = 2 * time.Second
		commitTime   = 5 * time.Millisecond
		story        = 12 * time.Second
	)
	held := func(item string) bool { return strings.HasPrefix(item, "held") }
	subject := func(item string) string { return item }
	apart := func(_ context.Context, patience time.Duration, items []string) ([]string, []error) {
		return oneByOne(items, subject, func(item string) (string, error) {
			if held(item) {
				time.Sleep(patience)
				return "", errLocked
			}
			time.Sleep(commitTime)
			return item, nil
		})
	}
	together := func(ctx context.Context, patience time.Duration, items []string) ([]string, []error) {
		switch {
		case !slices.ContainsFunc(items, held):
			time.Sleep(commitTime)
			return items, nil
		case len(items) == 1:
			return apart(ctx, patience, items)
		}
		time.Sleep(patience)
		return apart(ctx, briefPatience, items)
	}
	f := newFairCommit(subject, together, apart)
	begin := time.Now()
	bring := func(item string) error {
		ctx, cancel := context.WithTimeout(t.Context(), answerWithin)
		defer cancel()
		_, err := f.do(ctx, item)
		return err
	}
	var all sync.WaitGroup
	for n := range maxBatch {
		all.Go(func() {
			time.Sleep(time.Duration(n) * story / 2 / maxBatch)
			for time.Since(begin) < story {
				if err := bring(fmt.Sprint("held ", n)); !errors.Is(err, chat.ErrUnavailable) {
					t.Errorf("the locked one %d: %v, want ErrUnavailable", n, err)
				}
				time.Sleep(time.Second)
			}
		})
	}
	for n := 0; time.Since(begin) < story; n++ {
		all.Go(func() {
			if err := bring(fmt.Sprint("free ", n)); err != nil {
				t.Errorf("another one, %d: %v", n, err)
			}
		})
		time.Sleep(25 * time.Millisecond)
	}
	all.Wait()
	remembered := func() int {
		f.locks.mu.Lock()
		defer f.locks.mu.Unlock()
		return len(f.locks.found)
	}
	if n := remembered(); n > maxBatch {
		t.Errorf("%d subjects are remembered, want no more than the %d", n, maxBatch)
	}
	time.Sleep(hangTimeout)
	f.locks.note(nil, nil, false)
	if n := remembered(); n != 0 {
		t.Errorf("%d subjects are remembered when nobody is locked any more", n)
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
