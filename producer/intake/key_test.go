package intake_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/iotest"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/producer/intake"
)

// sorting is the rig's options with a small limit of what is sorted in memory.
func (r *rig) sorting(rows int) intake.Options { return intake.SortIn(r.options, rows) }

// before has fn decide about each call of an operation.
func before(s bulktest.FullStore, op string, fn func(call func() error) error) *bulktest.Store {
	return &bulktest.Store{Inner: s, Around: func(_ context.Context, called string, call func() error) error {
		if called == op {
			return fn(call)
		}
		return call()
	}}
}

// TestIdempotencyKey shows I8.
func TestIdempotencyKey(t *testing.T) {
	file := []byte("customerId\n1\n2\n")
	first := func(t *testing.T) (*rig, *bulk.Upload) {
		r := newRig(t)
		u, isNew := r.take(keyed("k"), file)
		if !isNew {
			t.Fatal("the first call is not new")
		}
		return r, u
	}
	cases := []struct {
		name   string
		change func(q *bulk.IntakeRequest, file *[]byte)
		isSame bool
		isKeys bool // refused; else another upload
	}{
		{"the_same_call", func(*bulk.IntakeRequest, *[]byte) {}, true, false},
		{"another_file_name", func(q *bulk.IntakeRequest, _ *[]byte) { q.FileName = "again.csv" }, true, false},
		{"other_bytes", func(_ *bulk.IntakeRequest, f *[]byte) { *f = append(bytes.Clone(*f), "3\n"...) }, false, true},
		{"another_call", func(q *bulk.IntakeRequest, _ *[]byte) { q.Kind = bulk.KindUpdate }, false, true},
		{"another_rule_for_repeats", func(q *bulk.IntakeRequest, _ *[]byte) { q.Options.OnRepeat = bulk.RepeatReject }, false, true},
		{"another_rule_for_empty_cells", func(q *bulk.IntakeRequest, _ *[]byte) { q.Options.EmptyCells = bulk.EmptyClear }, false, true},
		{"another_company", func(q *bulk.IntakeRequest, _ *[]byte) { q.Company = "CEK0000002" }, false, true},
		{"another_caller", func(q *bulk.IntakeRequest, _ *[]byte) { q.Caller = "other" }, false, false},
		{"another_key", func(q *bulk.IntakeRequest, _ *[]byte) { q.IdempotencyKey = "k2" }, false, false},
		{"no_key", func(q *bulk.IntakeRequest, _ *[]byte) { q.IdempotencyKey = "" }, false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, u := first(t)
			before := r.files.Names()
			q, body := keyed("k"), file
			c.change(&q, &body)
			s, err := r.stage(q, bytes.NewReader(body))
			if c.isKeys {
				wantRefusal(t, err, bulk.RefusedKey)
				if got := r.files.Names(); len(got) != len(before) {
					t.Errorf("the files are %q", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			again, isNew, err := s.Accept(t.Context())
			if err != nil || isNew == c.isSame || (again.ID == u.ID) != c.isSame {
				t.Errorf("upload %s, new %v, %v; the first was %s", again.ID, isNew, err, u.ID)
			}
		})
	}
}

// TestKeyIsLookedUpBeforeAnyLimit: a replay is answered even when its file would
// be refused now.
func TestKeyIsLookedUpBeforeAnyLimit(t *testing.T) {
	r := newRig(t)
	file := []byte("customerId\n1\n2\n")
	u, _ := r.take(keyed("k"), file)
	r.options.MaxBytes, r.options.Limits.MaxRows = 1, 1
	r.files.Room = 0
	if again, isNew := r.take(keyed("k"), file); isNew || again.ID != u.ID {
		t.Errorf("upload %s, new %v", again.ID, isNew)
	}
}

func TestReplayedBodyThatEndsEarlyIsRefused(t *testing.T) {
	r := newRig(t)
	r.take(keyed("k"), []byte("customerId\n1\n"))
	_, err := r.stage(keyed("k"), iotest.ErrReader(errors.New("connection reset")))
	wantRefusal(t, err, bulk.RefusedAborted)
}

// TestTwoCallsOfOneKeyAtOnce: both were read before either was accepted; one wins.
func TestTwoCallsOfOneKeyAtOnce(t *testing.T) {
	for name, other := range map[string][]byte{"same_bytes": []byte("customerId\n1\n1\n"), "other_bytes": []byte("customerId\n2\n2\n")} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			one, err := r.stage(keyed("k"), bytes.NewReader([]byte("customerId\n1\n1\n")))
			if err != nil {
				t.Fatal(err)
			}
			two, err := r.stage(keyed("k"), bytes.NewReader(other))
			if err != nil {
				t.Fatal(err)
			}
			u, isNew, err := one.Accept(t.Context())
			if err != nil || !isNew {
				t.Fatalf("new %v, %v", isNew, err)
			}
			again, isNew, err := two.Accept(t.Context())
			if name == "other_bytes" {
				wantRefusal(t, err, bulk.RefusedKey)
			} else if err != nil || isNew || again.ID != u.ID {
				t.Errorf("upload %v, new %v, %v", again, isNew, err)
			}
			if names := r.files.Names(); len(names) != 2 || len(r.accepted) != 1 {
				t.Errorf("the files are %q, accepted %q", names, r.accepted)
			}
		})
	}
}
