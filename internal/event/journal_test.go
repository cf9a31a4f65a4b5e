package event_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/klauspost/compress/s2"
	"pgregory.net/rapid"

	"sluice/internal/bulk"
	"sluice/internal/event"
)

var update = flag.Bool("update", false, "write the golden journal anew")

func readJournal(body []byte) ([]bulk.Record, error) {
	var out []bulk.Record
	err := event.EachJournal(body, func(rec *bulk.Record) error {
		out = append(out, *rec)
		return nil
	})
	return out, err
}

func TestJournalGivesBackTheSameRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(anyRecord, 0, 8).Draw(t, "records")
		var plain []byte
		for i := range records {
			plain = event.AppendJournal(plain, &records[i])
		}
		front := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "front")
		body := event.Compress(bytes.Clone(front), plain)
		if !bytes.HasPrefix(body, front) {
			t.Fatal("what stood in front was changed")
		}
		got, err := readJournal(body[len(front):])
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if len(got[i].Headers) == 0 {
				got[i].Headers = nil
			}
		}
		if len(got) != len(records) || len(got) > 0 && !reflect.DeepEqual(got, records) {
			t.Fatalf("read\n%+v, was\n%+v", got, records)
		}
		again, err := event.Decompress(bytes.Clone(front), body[len(front):])
		if err != nil || !bytes.Equal(again, append(bytes.Clone(front), plain...)) {
			t.Fatalf("decompressed to other bytes: %v", err)
		}
	})
}

func TestErrorOfTheCallerEndsTheJournal(t *testing.T) {
	t.Parallel()
	rec := bulk.Record{Topic: "other", Value: []byte("v")}
	plain := event.AppendJournal(event.AppendJournal(nil, &rec), &rec)
	stop, calls := errors.New("stop"), 0
	err := event.EachJournal(event.Compress(nil, plain), func(*bulk.Record) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%d calls, error %v", calls, err)
	}
}

func TestBadJournalsAreRefused(t *testing.T) {
	t.Parallel()
	tooLarge := binary.AppendUvarint([]byte{1}, 64<<20+1)
	cases := []struct {
		name   string
		body   []byte
		reason event.Reason
	}{
		{"empty", nil, event.ReasonNoValue},
		{"unknown_method", []byte{9, 0}, event.ReasonBadVersion},
		{"no_block", []byte{1}, event.ReasonCorrupt},
		{"broken_block", []byte{1, 8, 0xff, 0xff}, event.ReasonCorrupt},
		{"too_large", tooLarge, event.ReasonTooLarge},
		{"unknown_topic", event.Compress(nil, []byte{77, 0, 0, 0}), event.ReasonBadSymbol},
		{"ends_early", event.Compress(nil, []byte{1, 0}), event.ReasonTruncated},
		{"key_too_long", event.Compress(nil, []byte{1, 200, 1, 0, 0}), event.ReasonBadLength},
		{"too_many_headers", event.Compress(nil, []byte{1, 0, 50, 0}), event.ReasonBadLength},
		{"name_too_long", event.Compress(nil, []byte{0, 50, 'x'}), event.ReasonBadLength},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := readJournal(c.body)
			wantReason(t, err, c.reason)
		})
	}
	if s2.MaxEncodedLen(64<<20) < 0 {
		t.Error("the bound does not fit the method")
	}
}

// Journal rows are stored: what was written once must be read the same for ever.
func TestGoldenJournalIsReadTheSame(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	ch, row, results := benchChange(codec, 3), benchRow(3), benchResults(3)
	response := bulk.Response{Upload: benchUpload, Company: benchCompany, Kind: bulk.KindUpdate, Outcome: bulk.OutcomePartial, Body: []byte(`{"a":1}`)}
	builder := codec.NewBuilder()
	builder.Row(&row, bulk.AnyPartition)
	builder.Results(&results, 0)
	builder.Change(&ch)
	builder.Response(&response)
	tombstone := bulk.Record{Topic: bulk.TopicResponses, Key: []byte("u")}
	want := append(builder.Records(), event.DeadLetterRecord(&bulk.Record{Topic: "other", Key: []byte{}, Value: []byte("x")}, "r"), tombstone)
	path := filepath.Join("testdata", "journal.v1.bin")
	if *update {
		var plain []byte
		for i := range want {
			plain = event.AppendJournal(plain, &want[i])
		}
		if err := os.WriteFile(path, event.Compress(nil, plain), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readJournal(body)
	if err != nil {
		t.Fatal(err)
	}
	want[len(want)-1].Partition = bulk.AnyPartition
	got[len(got)-1].Headers = nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v, want\n%+v", got, want)
	}
}
