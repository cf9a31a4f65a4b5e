//go:build servers

package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
	"sluice/internal/postgres"
	"sluice/internal/testenv"
)

const company = "CEK000000A"

func source() bulk.Source {
	return bulk.Source{Cluster: "c", Topic: bulk.TopicUpdates, Partition: 3}
}

func id(n int) string { return fmt.Sprintf("KC%014d", n) }

// full is a customer with every field set to something awkward.
func full(n int, version int64) customer.Customer {
	c := customer.Customer{CustomerID: id(n), Version: version, UpdatedAt: time.UnixMilli(1_760_000_000_123).UTC()}
	for f := range customer.Field(customer.BranchCodes) {
		c.Values[f] = customer.Value{Set: true, Text: f.String() + " \"{,}\\N\n\té\u2028\U0001F600 " + fmt.Sprint(n)}
	}
	c.Values[customer.PinCode] = customer.Value{Set: true}
	c.Values[customer.BranchCodes] = customer.Value{Set: true, List: []string{"", `a"b\`, "é<&>", "NULL"}}
	c.Values[customer.CustomerReminders] = customer.Value{Set: true, Reminders: []customer.Reminder{
		{CustomerReminderID: `R"1`, DueDateDifference: -1 << 31, ReminderInterval: 1<<31 - 1, ReminderTime: "09:30", ReminderType: "ONCE", Stage: "\u2029"}, {},
	}}
	return c
}

func write(codec bulk.DocCodec, c *customer.Customer, found int) bulk.CustomerWrite {
	return bulk.CustomerWrite{
		Found: found, Company: company, CustomerID: c.CustomerID, OldVersion: c.Version - 1, Version: c.Version,
		Doc: codec.AppendCustomer(nil, c), Ref: c.Values[customer.UniqueRefNo].Text, RefChanged: true,
		Name: c.Values[customer.LegalName].Text, NameChanged: true,
	}
}

func keys(customers ...int) []bulk.CustomerKey {
	list := make([]bulk.CustomerKey, len(customers))
	for i, n := range customers {
		list[i] = bulk.CustomerKey{Company: company, Value: id(n)}
	}
	return list
}

func eventStore(t *testing.T, url string) (*postgres.Store, *event.Codec) {
	t.Helper()
	codec := event.NewCodec(event.DefaultIDs())
	// One connection for batches.
	return open(t, postgres.Options{URL: url, Codec: codec, Logger: slog.New(slog.DiscardHandler), MaxConns: 2}), codec
}

func TestDocumentsComeBackByteForByte(t *testing.T) {
	s, codec := eventStore(t, testenv.Postgres(t))
	customers := []customer.Customer{full(1, 1), {CustomerID: id(2), Version: 1, UpdatedAt: time.UnixMilli(-1).UTC()}}
	docs := make([][]byte, len(customers))
	batch := &bulk.ApplyBatch{Source: source(), Next: 1, Keys: keys(1, 2)}
	err := s.Apply(t.Context(), batch, func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
		w := &bulk.ApplyWrite{}
		for i := range customers {
			one := write(codec, &customers[i], -1)
			docs[i] = one.Doc
			w.Customers = append(w.Customers, one)
		}
		return w, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	batch = &bulk.ApplyBatch{Source: source(), From: 1, Next: 2, Keys: slices.Concat(keys(2, 3, 1),
		[]bulk.CustomerKey{{Company: company, Value: customers[0].Values[customer.UniqueRefNo].Text, ByRef: true}, {Company: company, Value: "\x00\xff"}})}
	err = s.Apply(t.Context(), batch, func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
		for i, want := range []int{2, 0, 1, 1, 0} {
			switch found := v.Found[i]; {
			case want == 0 && (found.Version != 0 || found.Doc != nil):
				t.Errorf("key %d finds %s", i, found.CustomerID)
			case want > 0 && (found.CustomerID != id(want) || found.Version != 1 || !bytes.Equal(found.Doc, docs[want-1])):
				t.Errorf("key %d finds %s at version %d:\n%q, want\n%q", i, found.CustomerID, found.Version, found.Doc, docs[want-1])
			}
		}
		return &bulk.ApplyWrite{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestChangeBetweenTheTripsIsSeen(t *testing.T) {
	s, codec := eventStore(t, testenv.Postgres(t))
	one := full(1, 1)
	apply := func(partition int32, from int64, between func()) (seen []int64) {
		b := &bulk.ApplyBatch{Source: source(), From: from, Next: from + 1, Seq: 1, Keys: keys(1)}
		b.Source.Partition = partition
		err := s.Apply(t.Context(), b, func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
			seen = append(seen, v.Found[0].Version)
			c, found := one, 0
			if c.Version = v.Found[0].Version + 1; c.Version == 1 {
				found = -1
			}
			if between != nil {
				between()
				between = nil
			}
			return &bulk.ApplyWrite{Customers: []bulk.CustomerWrite{write(codec, &c, found)}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	for round, want := range [][]int64{{0, 1}, {2, 3}} { // made, then changed in between
		seen := apply(0, int64(round), func() { apply(1, int64(round), nil) })
		if !slices.Equal(seen, want) {
			t.Errorf("round %d saw versions %v, want %v", round, seen, want)
		}
	}
}

func TestTextThatCannotBeHeldIsRefused(t *testing.T) {
	s, codec := eventStore(t, testenv.Postgres(t))
	batch := &bulk.ApplyBatch{Source: source(), Next: 1, Seq: 1, Keys: keys(1, 2, 3, 4), Uploads: []string{"\x00", "\xff"}}
	err := s.Apply(t.Context(), batch, func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
		w := &bulk.ApplyWrite{Journal: []byte("j"), JournalUploads: []string{"\x00"}, Resend: []string{"\xff"}}
		for n, bad := range []string{"fine", "a\x00b", "also fine", "\x00"} {
			c := customer.Customer{CustomerID: id(n), Version: 1}
			c.Values[customer.Address] = customer.Value{Set: true, Text: bad}
			w.Customers = append(w.Customers, write(codec, &c, -1))
		}
		return w, nil
	})
	var refused *bulk.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("error is %v, want a refusal", err)
	}
	var ids []string
	for _, c := range refused.Customers {
		ids = append(ids, c.CustomerID)
		if c.IsDuplicateRef || !strings.Contains(c.Reason, "22021") {
			t.Errorf("reason is %q", c.Reason)
		}
	}
	if !slices.Equal(ids, []string{id(1), id(3)}) {
		t.Errorf("refused are %v", ids)
	}
	// A record that speaks of uploads that can not be, and nothing else, stops nobody.
	err = s.Apply(t.Context(), batch, func(v *bulk.ApplyView) (*bulk.ApplyWrite, error) {
		if v.Marks[0].Known || v.Marks[1].Known {
			t.Error("an impossible upload is known")
		}
		return &bulk.ApplyWrite{Journal: []byte("j"), JournalUploads: []string{"\x00"}, Resend: []string{"\xff"}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Upload(t.Context(), "\x00"); !errors.Is(err, bulk.ErrNotFound) {
		t.Errorf("error is %v, want not found", err)
	}
}

// bigBatch is a batch of many customers, so that it goes in more than one packet.
func bigBatch(from int64) *bulk.ApplyBatch {
	return &bulk.ApplyBatch{Source: source(), From: from, Next: from + 1, Seq: from + 1}
}

func bigWrite(codec bulk.DocCodec, round int, journal string) *bulk.ApplyWrite {
	w := &bulk.ApplyWrite{Journal: []byte(journal)}
	for n := range 500 {
		c := full(round*500+n, 1)
		w.Customers = append(w.Customers, write(codec, &c, -1))
	}
	return w
}

func TestLostAnswerOfACommitLeavesTheOutcomeToProgress(t *testing.T) {
	url := testenv.Postgres(t)
	p, behind := throughProxy(t, url)
	s, codec := eventStore(t, behind)
	direct, _ := eventStore(t, url)
	decide := func(round int, cut bool) func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
		return func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
			if cut {
				p.set(nil, swallow)
			}
			return bigWrite(codec, round, "j"), nil
		}
	}
	for round := range 2 { // the first begins progress, the second has all statements of the third
		if err := s.Apply(t.Context(), bigBatch(int64(round)), decide(round, false)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.Apply(ctx, bigBatch(2), decide(2, true)); err == nil || errors.Is(err, bulk.ErrMoved) {
		t.Fatalf("error is %v, want one of the connection", err)
	}
	got, ok, err := direct.Progress(t.Context(), source())
	if err != nil || !ok || got != (bulk.Progress{Next: 3, Seq: 3}) {
		t.Fatalf("progress is %v, %v, %v: the batch was committed", got, ok, err)
	}
	p.set(nil, nil)
	if err := s.Apply(t.Context(), bigBatch(2), decide(2, false)); !errors.Is(err, bulk.ErrMoved) {
		t.Fatalf("error is %v, want moved", err)
	}
}

func TestFrozenOwnerHoldsNobodyUp(t *testing.T) {
	url := testenv.Postgres(t)
	p, behind := throughProxy(t, url)
	owner, codec := eventStore(t, behind)
	next, _ := eventStore(t, url+"&lock_timeout=2s")
	from := int64(0)
	apply := func(s *postgres.Store) {
		t.Helper()
		err := s.Apply(t.Context(), bigBatch(from), func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
			return bigWrite(codec, int(from), "j"), nil
		})
		if err != nil {
			t.Fatalf("at offset %d: %v", from, err)
		}
		from++
	}
	apply(owner)
	// The owner is frozen when so many bytes of its second trip were sent.
	for _, part := range []int{1, 100, 100_000, 200_000, 300_000} {
		apply(owner) // prepares all statements
		ctx, cancel := context.WithCancel(t.Context())
		frozen, reached := make(chan error, 1), make(chan struct{})
		begin := from
		go func() {
			frozen <- owner.Apply(ctx, bigBatch(begin), func(*bulk.ApplyView) (*bulk.ApplyWrite, error) {
				p.set(first(part, reached), nil)
				return bigWrite(codec, int(begin), "frozen"), nil
			})
		}()
		<-reached
		apply(next)
		cancel()
		if err := <-frozen; err == nil {
			t.Fatalf("the owner that was frozen after %d bytes committed", part)
		}
		p.set(nil, nil)
	}
}

// first lets so many bytes pass; it closes reached when they did.
func first(left int, reached chan struct{}) func([]byte) []byte {
	return func(piece []byte) []byte {
		if left > 0 && len(piece) >= left {
			close(reached)
		}
		piece = piece[:min(len(piece), left)]
		left -= len(piece)
		return piece
	}
}
