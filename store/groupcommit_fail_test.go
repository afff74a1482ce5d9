package store_test

import (
	"errors"
	"testing"

	"textme/chat"
)

// A commit that fails is never answered as if it had not.
func TestFailedCommitIsNoAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const broken = `CREATE FUNCTION fail_commit() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'shutting down' USING ERRCODE = 'admin_shutdown'; END $$;
		CREATE CONSTRAINT TRIGGER fail_commit AFTER INSERT ON signups DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION fail_commit();
		CREATE CONSTRAINT TRIGGER fail_commit AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION fail_commit()`
	if _, err := f.db.Exec(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	if _, err := f.RecordSignup(t.Context(), f.signup(ann)); !errors.Is(err, chat.ErrUnavailable) {
		t.Errorf("a sign-up that was not committed: got %v, want ErrUnavailable", err)
	}
	if _, err := f.ApplyEvents(t.Context(), []chat.Event{f.text(ch1, mb1, ann, 1, "hello")}); !errors.Is(err, chat.ErrUnavailable) {
		t.Errorf("an event that was not committed: got %v, want ErrUnavailable", err)
	}
}
