package bulktest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
)

const topic = "topic"

func records(n int) []bulk.Record {
	out := make([]bulk.Record, n)
	for i := range out {
		out[i] = bulk.Record{Topic: topic, Value: []byte{byte(i)}}
	}
	return out
}

// TestPartitionReadsEveryRecord: whatever the dice choose, what a reader is given
// covers the partition in order, but for what it was told to pass over.
func TestPartitionReadsEveryRecord(t *testing.T) {
	const n = 200
	for seed := range uint64(20) {
		l := bulktest.NewLog("c", map[string]int{topic: 1})
		if err := l.Publish(t.Context(), records(n)); err != nil {
			t.Fatal(err)
		}
		p := l.Partition(topic, 0)
		p.Dice = bulktest.NewDice(seed)
		seen := map[int64]bool{}
		for at := int64(0); at < n; {
			got, next, err := p.Fetch(t.Context())
			if err != nil || len(got) == 0 || next <= at {
				t.Fatalf("%d records to %d: %v", len(got), next, err)
			}
			for i, r := range got {
				if int64(r.Value[0]) != r.Offset || i > 0 && r.Offset != got[i-1].Offset+1 {
					t.Fatalf("record %d holds %d", r.Offset, r.Value[0])
				}
				seen[r.Offset] = true
			}
			if got[len(got)-1].Offset != next-1 {
				t.Fatalf("next is %d behind record %d", next, got[len(got)-1].Offset)
			}
			at = next
		}
		if len(seen) != n || p.Lag() != 0 {
			t.Errorf("%d records were seen, lag %d", len(seen), p.Lag())
		}
	}
}

func TestFetchedRecordsAreValidUntilTheNext(t *testing.T) {
	l := bulktest.NewLog("c", map[string]int{topic: 1})
	p := l.Partition(topic, 0)
	for range 2 {
		if err := l.Publish(t.Context(), []bulk.Record{{Topic: topic, Value: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
	}
	p.SeekTo(1)
	first, _, err := p.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.SeekTo(0)
	if _, _, err := p.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if string(first[0].Value) == "x" || string(l.Records(topic)[1].Value) != "x" {
		t.Error("what was fetched is still there, or the log's own is not")
	}
}

func TestFaultsOfPublish(t *testing.T) {
	for fault, want := range map[bulktest.PublishFault]int{
		bulktest.PublishWell: 4, bulktest.PublishBefore: 0, bulktest.PublishPartly: 2, bulktest.PublishAfter: 4,
	} {
		t.Run(fmt.Sprint(fault), func(t *testing.T) {
			l := bulktest.NewLog("c", map[string]int{topic: 1})
			l.Fault = func([]bulk.Record) bulktest.PublishFault { return fault }
			err := l.Publish(t.Context(), records(4))
			if got := len(l.Records(topic)); got != want || (err != nil) != (fault != bulktest.PublishWell) {
				t.Errorf("%d records, %v", got, err)
			}
		})
	}
}

func TestLossesOfTheLog(t *testing.T) {
	cases := []struct {
		name       string
		harm       func(l *bulktest.Log)
		first, end int64
		isGone     bool // for a reader that stands at 5
	}{
		{"nothing", func(*bulktest.Log) {}, 0, 10, false},
		{"tail_beyond_the_reader", func(l *bulktest.Log) { l.CutTail(topic, 0, 4) }, 0, 6, false},
		{"tail_before_the_reader", func(l *bulktest.Log) { l.CutTail(topic, 0, 6) }, 0, 4, true},
		{"beginning_before_the_reader", func(l *bulktest.Log) { l.Prune(topic, 0, 5) }, 5, 10, false},
		{"beginning_beyond_the_reader", func(l *bulktest.Log) { l.Prune(topic, 0, 6) }, 6, 10, true},
		{"everything", func(l *bulktest.Log) { l.Prune(topic, 0, 99) }, 10, 10, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := bulktest.NewLog("c", map[string]int{topic: 1})
			if err := l.Publish(t.Context(), records(10)); err != nil {
				t.Fatal(err)
			}
			c.harm(l)
			p := l.Partition(topic, 0)
			first, end, err := p.Bounds(t.Context())
			if err != nil || first != c.first || end != c.end {
				t.Errorf("bounds are %d and %d: %v", first, end, err)
			}
			p.SeekTo(5)
			got, _, err := p.Fetch(t.Context())
			if errors.Is(err, bulk.ErrOffsetOutOfRange) != c.isGone || !c.isGone && got[0].Offset != 5 {
				t.Errorf("fetched %d records: %v", len(got), err)
			}
			if n := len(l.History(topic)); n != 10 {
				t.Errorf("%d records are remembered", n)
			}
		})
	}
}

func TestMovedClusterIsGoneForItsReaders(t *testing.T) {
	l := bulktest.NewLog("one", map[string]int{topic: 2})
	p := l.Partition(topic, 1)
	l.Move("two")
	if _, _, err := p.Fetch(t.Context()); err == nil || errors.Is(err, bulk.ErrOffsetOutOfRange) {
		t.Errorf("the old reader got %v", err)
	}
	if src := l.Partition(topic, 1).Source(); src != (bulk.Source{Cluster: "two", Topic: topic, Partition: 1}) {
		t.Errorf("a new reader reads %+v", src)
	}
}

func TestFetchWaits(t *testing.T) {
	l := bulktest.NewLog("c", map[string]int{topic: 1})
	p := l.Partition(topic, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.Fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an empty partition gave %v", err)
	}
	done := make(chan int)
	go func() {
		got, _, err := p.Fetch(t.Context())
		if err != nil {
			t.Error(err)
		}
		done <- len(got)
	}()
	if err := l.Publish(t.Context(), records(3)); err != nil {
		t.Fatal(err)
	}
	if n := <-done; n == 0 {
		t.Error("it returned nothing")
	}
}
