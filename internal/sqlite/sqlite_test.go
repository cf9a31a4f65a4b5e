package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/sqlite"
	"sluice/internal/storetest"
)

const company = "CEK0000001"

func customerID(i int) string { return fmt.Sprintf("KC%014d", i) }

// put writes customers whose references are their numbers, new ones and old.
func put(ctx context.Context, s *sqlite.Store, version int64, numbers ...int) error {
	source := bulk.Source{Cluster: "c", Topic: bulk.TopicUpdates}
	p, _, err := s.Progress(ctx, source)
	if err != nil {
		return err
	}
	b := &bulk.ApplyBatch{Source: source, From: p.Next, Next: p.Next + 1}
	for _, i := range numbers {
		b.Keys = append(b.Keys, bulk.CustomerKey{Company: company, Value: customerID(i)})
	}
	return s.Apply(ctx, b, func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
		w := &bulk.ApplyWrite{}
		for i, n := range numbers {
			if got := v.Found[i].Version; got != version-1 {
				return nil, fmt.Errorf("customer %d is at version %d, not %d", n, got, version-1)
			}
			c := &customer.Customer{CustomerID: customerID(n), Version: version}
			c.Values[customer.LegalName] = customer.Value{Set: true, Text: fmt.Sprint("name ", n)}
			w.Customers = append(w.Customers, bulk.CustomerWrite{
				Found: i, Company: company, CustomerID: c.CustomerID, OldVersion: version - 1, Version: version,
				Ref: fmt.Sprint(n), RefChanged: true, Name: fmt.Sprint("name ", n), NameChanged: true,
				Doc: storetest.Codec{}.AppendCustomer(nil, c),
			})
		}
		return w, nil
	})
}

func check(t *testing.T, s *sqlite.Store, version int64, numbers ...int) {
	t.Helper()
	for _, i := range numbers {
		c, err := s.Customer(t.Context(), company, customerID(i))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Values[customer.LegalName].Text; c.Version != version || got != fmt.Sprint("name ", i) {
			t.Fatalf("customer %d is %q at version %d, want version %d", i, got, c.Version, version)
		}
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCustomersThatMeetInOneSlotStayApart(t *testing.T) {
	for name, hash := range map[string]func(string) uint64{
		"all_in_one_slot":       func(string) uint64 { return 7 },
		"all_in_the_last_slot":  func(string) uint64 { return ^uint64(0) },
		"chains_that_run_along": func(s string) uint64 { return uint64(len(s)+int(s[len(s)-1]-'0')/3) << 24 },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, sqlite.WithHash(options(t), hash))
			noError(t, put(t.Context(), s, 1, 1, 5, 3))
			noError(t, put(t.Context(), s, 1, 2, 9))
			noError(t, put(t.Context(), s, 2, 9, 3, 1))
			noError(t, put(t.Context(), s, 1, 4, 6))
			check(t, s, 1, 2, 4, 5, 6)
			check(t, s, 2, 1, 3, 9)
			if _, err := s.Customer(t.Context(), company, customerID(8)); !errors.Is(err, bulk.ErrNotFound) {
				t.Errorf("a customer that is not there: %v", err)
			}
		})
	}
}

func TestNewCustomerThatExistsIsRefused(t *testing.T) {
	s := open(t, options(t))
	noError(t, put(t.Context(), s, 1, 1))
	source := bulk.Source{Cluster: "c", Topic: bulk.TopicUpdates}
	err := s.Apply(t.Context(), &bulk.ApplyBatch{Source: source, From: 1, Next: 2}, func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
		return &bulk.ApplyWrite{Customers: []bulk.CustomerWrite{{
			Found: -1, Company: company, CustomerID: customerID(1), Version: 1, Doc: []byte("{}"),
		}}}, nil
	})
	var refused *bulk.RefusedError
	if !errors.As(err, &refused) || len(refused.Customers) != 1 || refused.Customers[0].IsDuplicateRef {
		t.Fatalf("error is %v", err)
	}
	check(t, s, 1, 1)
}

func TestFileIsOpenedAgainAsItWas(t *testing.T) {
	o := options(t)
	for version := int64(1); version <= 3; version++ {
		s, err := sqlite.Open(t.Context(), o)
		noError(t, err)
		noError(t, put(t.Context(), s, version, 1, 2))
		check(t, s, version, 1, 2)
		for name, want := range map[string]int64{"page_size": 2048, "synchronous": 2} {
			if got, err := s.Pragma(t.Context(), name); err != nil || got != want {
				t.Errorf("%s is %d, want %d (%v)", name, got, want, err)
			}
		}
		noError(t, s.Close())
		noError(t, s.Close())
		if _, err := os.Stat(o.Path + "-wal"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the WAL is left behind after Close: %v", err)
		}
		if err := put(t.Context(), s, version+1, 1); err == nil {
			t.Error("a closed store takes a batch")
		}
	}
}

func TestFileThatIsNoStoreIsRefused(t *testing.T) {
	o := options(t)
	noError(t, os.WriteFile(o.Path, []byte("customerId,legalName\nKC1,this is no database at all, is it?\n"), 0o600))
	if s, err := sqlite.Open(t.Context(), o); err == nil {
		t.Error(s.Close(), "opened a file that is no database")
	}
}

func TestFullDiskIsTold(t *testing.T) {
	s := open(t, options(t))
	noError(t, put(t.Context(), s, 1, 1))
	pages, err := s.Pragma(t.Context(), "page_count")
	noError(t, err)
	// The engine's own limit gives the same error as a full disk.
	_, err = s.Pragma(t.Context(), fmt.Sprintf("max_page_count=%d", pages))
	noError(t, err)
	numbers := make([]int, 100)
	for i := range numbers {
		numbers[i] = i + 10
	}
	if err := put(t.Context(), s, 1, numbers...); !errors.Is(err, bulk.ErrNoSpace) {
		t.Fatalf("error is %v, want %v", err, bulk.ErrNoSpace)
	}
	_, err = s.Pragma(t.Context(), "max_page_count=1000000")
	noError(t, err)
	noError(t, put(t.Context(), s, 1, numbers...))
	check(t, s, 1, 1, 10, 109)
}

func TestWALIsWrittenBackBesideTheWriter(t *testing.T) {
	const frames = 200
	s := open(t, sqlite.WithWALFrames(options(t), frames))
	for i := range 3 * frames {
		_, err := s.Setting(t.Context(), fmt.Sprint(i), make([]byte, 4096))
		noError(t, err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for left := frames; left >= frames; {
		if time.Now().After(deadline) {
			t.Fatalf("%d pages are still not written back", left)
		}
		var err error
		left, err = s.WALFrames(t.Context())
		noError(t, err)
	}
}

func TestWriterThatWaitsTooLongGivesUp(t *testing.T) {
	s := open(t, options(t))
	ctx, cancel := context.WithCancel(t.Context())
	source := bulk.Source{Cluster: "c", Topic: bulk.TopicUpdates}
	err := s.Apply(t.Context(), &bulk.ApplyBatch{Source: source}, func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
		cancel()
		if err := s.MarkPublished(ctx, source, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v, want %v", err, context.Canceled)
		}
		return &bulk.ApplyWrite{}, nil
	})
	noError(t, err)
}
