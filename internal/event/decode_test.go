package event_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

// decoders are all decoders with a good value each.
type decoderCase struct {
	name   string
	good   []byte
	decode func([]byte) error
	again  func() []byte // encodes what was decoded last
}

func decoders(tb testing.TB) []decoderCase {
	tb.Helper()
	codec := event.NewCodec(event.DefaultIDs())
	golden := func(subject string, front ...byte) []byte {
		body, err := os.ReadFile("../../schemas/golden/" + subject + ".v1.bin")
		if err != nil {
			tb.Fatal(err)
		}
		return append(front, body...)
	}
	var (
		row      bulk.Row
		batch    bulk.ResultBatch
		change   bulk.Change
		response bulk.Response
		c        customer.Customer
	)
	return []decoderCase{
		{
			name: "row", good: golden("customer.updates-value", 0, 0, 0, 0, 1),
			decode: func(b []byte) error { return codec.DecodeRow(b, &row) },
			again:  func() []byte { return codec.AppendRow(nil, &row) },
		},
		{
			name: "results", good: golden("bulk.results-value", 0, 0, 0, 0, 2),
			decode: func(b []byte) error { return codec.DecodeResults(b, &batch) },
			again:  func() []byte { return codec.AppendResults(nil, &batch) },
		},
		{
			name: "change", good: golden("customer.changes-value", 0, 0, 0, 0, 3),
			decode: func(b []byte) error { return codec.DecodeChange(b, &change) },
			again:  func() []byte { return codec.AppendChange(nil, &change) },
		},
		{
			name: "response", good: golden("bulk.responses-value", 0, 0, 0, 0, 4),
			decode: func(b []byte) error { return codec.DecodeResponse(b, &response) },
			again:  func() []byte { return codec.AppendResponse(nil, &response) },
		},
		{
			name: "customer", good: golden("customer", 1),
			decode: func(b []byte) error { return codec.DecodeCustomer(b, &c) },
			again:  func() []byte { return codec.AppendCustomer(nil, &c) },
		},
	}
}

func TestGoldenSamplesDecodeAndEncodeToTheSameBytes(t *testing.T) {
	t.Parallel()
	for _, d := range decoders(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			if err := d.decode(d.good); err != nil {
				t.Fatal(err)
			}
			if got := d.again(); !bytes.Equal(got, d.good) {
				t.Errorf("encoded %x, want %x", got, d.good)
			}
		})
	}
}

func wantReason(t *testing.T, err error, reasons ...event.Reason) {
	t.Helper()
	var bad *event.DecodeError
	if !errors.As(err, &bad) {
		t.Fatalf("error is %v, want a DecodeError", err)
	}
	for _, r := range reasons {
		if bad.Reason == r {
			return
		}
	}
	t.Errorf("reason %q, want one of %q", bad.Reason, reasons)
}

func TestEveryDecoderRefusesBadFrames(t *testing.T) {
	t.Parallel()
	for _, d := range decoders(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			wantReason(t, d.decode(nil), event.ReasonNoValue)
			wantReason(t, d.decode([]byte{}), event.ReasonTruncated, event.ReasonNoValue)
			wantReason(t, d.decode(append([]byte{7}, d.good[1:]...)), event.ReasonBadMagic, event.ReasonBadVersion)
			wantReason(t, d.decode(append(bytes.Clone(d.good), 0)), event.ReasonTrailing)
			if d.name != "customer" {
				wantReason(t, d.decode(append([]byte{0, 0, 0, 0, 99}, d.good[5:]...)), event.ReasonUnknownSchema)
			}
			for n := 1; n < len(d.good); n++ {
				wantReason(t, d.decode(d.good[:n]), event.ReasonTruncated, event.ReasonBadLength)
			}
		})
	}
}

// rowBody encodes a row event by hand: the texts and numbers up to the given
// step are good, then comes the tail.
func rowBody(steps int, tail ...byte) []byte {
	parts := [][]byte{
		{2, 'u'},
		{2, 'c'},
		{2},
		{4},
		{0},
		{0},
		{0},
		{2, 'i'},
		{2, 'k'},
		{0},
		{0},
		{0},
		{0},
		{0},
		{0},
		{0},
		{0},
		{0},
		{0},
		{0},
		{0},
		{0},
		{0},
	}
	return append(append([]byte{0, 0, 0, 0, 1}, bytes.Join(parts[:steps], nil)...), tail...)
}

func TestBadBodiesAreRefusedWithTheirReasonAndPlace(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		value  []byte
		reason event.Reason
		offset int
	}{
		{"negative_text_length", rowBody(0, 1, 0, 0), event.ReasonBadLength, 6},
		{"text_longer_than_the_rest", rowBody(0, 200, 1, 'a'), event.ReasonTruncated, 7},
		{"largest_text_length", rowBody(0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), event.ReasonTruncated, 15},
		{"number_of_eleven_bytes", rowBody(2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0), event.ReasonBadNumber, 9},
		{"number_over_64_bits", rowBody(2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2), event.ReasonBadNumber, 9},
		{"number_without_end", rowBody(2, 0x80), event.ReasonTruncated, 9},
		{"text_that_is_not_utf8", rowBody(1, 4, 0xc3, 0x28), event.ReasonBadText, 10},
		{"overlong_utf8", rowBody(1, 4, 0xc0, 0x80), event.ReasonBadText, 10},
		{"unknown_operation", rowBody(5, 4), event.ReasonBadSymbol, 13},
		{"negative_operation", rowBody(5, 1), event.ReasonBadSymbol, 13},
		{"amount_that_is_no_number", rowBody(9, 4, '1', 'x'), event.ReasonBadDecimal, 21},
		{"array_count_beyond_the_rest", rowBody(10, 0x80, 0x80, 4), event.ReasonBadLength, 22},
		{"smallest_array_count", rowBody(10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0), event.ReasonBadLength, 30},
		{"negative_block_size", rowBody(10, 1, 1, 0), event.ReasonBadLength, 21},
		{"block_size_beyond_the_rest", rowBody(10, 1, 100, 0), event.ReasonBadLength, 21},
		{"unknown_branch", rowBody(11, 6), event.ReasonBadBranch, 21},
		{"negative_branch", rowBody(11, 1), event.ReasonBadBranch, 21},
		{"unknown_cleared_symbol", rowBody(11, 2, 2), event.ReasonBadSymbol, 22},
		{"reminder_number_over_32_bits", rowBody(22, 4, 2, 0, 0x80, 0x80, 0x80, 0x80, 0x20, 0, 0, 0, 0, 0), event.ReasonBadNumber, 39},
	}
	codec := event.NewCodec(event.DefaultIDs())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var r bulk.Row
			err := codec.DecodeRow(c.value, &r)
			wantReason(t, err, c.reason)
			var bad *event.DecodeError
			if errors.As(err, &bad) && (bad.Offset < c.offset-1 || bad.Offset > c.offset+1) {
				t.Errorf("offset %d, want about %d", bad.Offset, c.offset)
			}
			if strings.Contains(err.Error(), "CEK") {
				t.Error("the error holds content")
			}
		})
	}
	var r bulk.Row
	if err := codec.DecodeRow(rowBody(23), &r); err != nil {
		t.Errorf("the good body is refused: %v", err)
	}
}

// Other writers may cut arrays into blocks, with or without their size, and
// write numbers with more bytes than needed.
func TestOtherEncodingsOfTheSameRowAreRead(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	list := [][]byte{
		{4, 4, 2, 'A', 2, 'B', 0},                         // one block
		{4, 2, 2, 'A', 2, 2, 'B', 0},                      // two blocks
		{4, 3, 8, 2, 'A', 2, 'B', 0},                      // one block with its size
		{4, 1, 4, 2, 'A', 2, 2, 'B', 0},                   // the first with, the second without
		{0x84, 0x80, 0, 0x84, 0, 0x82, 0, 'A', 2, 'B', 0}, // longer numbers
	}
	for i, enc := range list {
		var r bulk.Row
		if err := codec.DecodeRow(rowBody(21, append(enc, 0)...), &r); err != nil {
			t.Errorf("encoding %d: %v", i, err)
			continue
		}
		if got := r.Changes[customer.BranchCodes].Value.List; !reflect.DeepEqual(got, []string{"A", "B"}) {
			t.Errorf("encoding %d: read %q", i, got)
		}
	}
}

func TestUnknownFieldNameOfAChangeIsRefused(t *testing.T) {
	t.Parallel()
	codec := event.NewCodec(event.DefaultIDs())
	ch := benchChange(codec, 5)
	value := bytes.Replace(codec.AppendChange(nil, &ch), []byte("contactNumber"), []byte("contactNumbex"), 1)
	wantReason(t, codec.DecodeChange(value, &ch), event.ReasonBadSymbol)
}

// allocated measures the bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// maxAllocated is the most that decoding n bytes may allocate: lists of empty
// texts are 16 bytes an item and grow by doubling.
func maxAllocated(n int) uint64 { return uint64(64*n) + 1<<20 }

// Not parallel: it measures the allocations of the whole process.
func TestHostileCountsDoNotAllocate(t *testing.T) {
	codec := event.NewCodec(event.DefaultIDs())
	huge := binary.AppendVarint(nil, 1<<40)
	cases := [][]byte{
		rowBody(10, huge...),
		rowBody(21, append([]byte{4}, huge...)...),
		rowBody(22, append([]byte{4}, huge...)...),
		rowBody(0, huge...),
		rowBody(21, append([]byte{4}, append(binary.AppendVarint(nil, 100_000), make([]byte, 100_000)...)...)...),
		rowBody(21, append([]byte{4}, bytes.Repeat([]byte{2, 0}, 100_000)...)...),
	}
	for i, value := range cases {
		var r bulk.Row
		if n := allocated(func() { _ = codec.DecodeRow(value, &r) }); n > maxAllocated(len(value)) {
			t.Errorf("case %d allocated %d bytes for %d", i, n, len(value))
		}
	}
}
