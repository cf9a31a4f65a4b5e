package kafka_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/internal/kafka"
)

var codecs = []kafka.Codec{kafka.CodecNone, kafka.CodecSnappy, kafka.CodecLZ4, kafka.CodecZstd}

// variety is records of every shape: nil and empty keys and values, headers, times
// that run backwards.
func variety() []kafka.Record {
	t0 := time.UnixMilli(1_700_000_000_123)
	recs := []kafka.Record{
		{Key: []byte("k"), Value: []byte("v"), Time: t0},
		{Key: nil, Value: []byte("no key"), Time: t0.Add(time.Second)},
		{Key: []byte("tombstone"), Value: nil, Time: t0.Add(-time.Hour)},
		{Key: []byte{}, Value: []byte{}, Time: t0},
		{Key: []byte("h"), Value: []byte("v"), Time: t0, Headers: []kafka.Header{
			{Key: "ce_id", Value: []byte("u/1")}, {Key: "empty", Value: []byte{}}, {Key: "nil", Value: nil}, {Key: "", Value: []byte("x")},
		}},
		{Key: bytes.Repeat([]byte("long"), 100), Value: bytes.Repeat([]byte("value "), 5000), Time: t0.Add(time.Hour)},
	}
	return append(recs, rows(300)...)
}

func rows(n int) []kafka.Record {
	recs := make([]kafka.Record, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range recs {
		key := fmt.Sprintf("CEKDEMO001/KC%014d", i)
		value := fmt.Sprintf("\x00\x00\x00\x00\x01\x02%s|REF-%08d|%09d|HDFC0%06d|98%08d|Customer %d Private Limited|%06d|Karnataka|%d, MG Road, Bengaluru|agent%d@example.com",
			key, r.IntN(1e8), r.IntN(1e9), r.IntN(1e6), r.IntN(1e8), r.IntN(1e6), 100000+r.IntN(900000), r.IntN(1000), r.IntN(50))
		recs[i] = kafka.Record{Key: []byte(key), Value: []byte(value), Time: time.UnixMilli(1_700_000_000_000 + int64(i))}
	}
	return recs
}

func sameRecord(a, b kafka.Record) bool {
	same := func(x, y []byte) bool { return (x == nil) == (y == nil) && bytes.Equal(x, y) }
	if !same(a.Key, b.Key) || !same(a.Value, b.Value) || !a.Time.Equal(b.Time) || len(a.Headers) != len(b.Headers) {
		return false
	}
	for i := range a.Headers {
		if a.Headers[i].Key != b.Headers[i].Key || !same(a.Headers[i].Value, b.Headers[i].Value) {
			return false
		}
	}
	return true
}

func decodeBatches(t *testing.T, data []byte, from int64) ([]kafka.Record, int64, error) {
	t.Helper()
	d, err := kafka.NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	return d.DecodeAll(data, from)
}

func Test_encoded_batch_decodes_to_the_same_records(t *testing.T) {
	for _, codec := range codecs {
		t.Run(string(codec), func(t *testing.T) {
			want := variety()
			data, err := kafka.EncodeBatch(codec, 7, 1, 42, want)
			if err != nil {
				t.Fatal(err)
			}
			got, next, err := decodeBatches(t, data, 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) || next != int64(len(want)) {
				t.Fatalf("got %d records and next %d, want %d", len(got), next, len(want))
			}
			for i := range want {
				if !sameRecord(got[i], want[i]) || got[i].Offset != int64(i) {
					t.Errorf("record %d: got %+v, want %+v", i, got[i], want[i])
				}
			}
		})
	}
}

func Test_encoded_batch_is_byte_equal_to_another_clients(t *testing.T) {
	recs := variety()
	got, err := kafka.EncodeBatch(kafka.CodecNone, 7, 1, 42, recs)
	if err != nil {
		t.Fatal(err)
	}
	if want := kmsgBatch(recs, 7, 1, 42); !bytes.Equal(got, want) {
		t.Errorf("batch differs from kmsg's:\n got %x\nwant %x", got[:100], want[:100])
	}
}

// kmsgBatch encodes a batch with franz-go's generated code.
func kmsgBatch(recs []kafka.Record, producer int64, epoch int16, sequence int32) []byte {
	b := kmsg.NewRecordBatch()
	b.PartitionLeaderEpoch, b.Magic = -1, 2
	b.ProducerID, b.ProducerEpoch, b.FirstSequence = producer, epoch, sequence
	b.NumRecords = int32(len(recs))
	b.LastOffsetDelta = b.NumRecords - 1
	b.FirstTimestamp = recs[0].Time.UnixMilli()
	b.MaxTimestamp = math.MinInt64
	for i, r := range recs {
		b.MaxTimestamp = max(b.MaxTimestamp, r.Time.UnixMilli())
		k := kmsg.NewRecord()
		k.TimestampDelta64 = r.Time.UnixMilli() - b.FirstTimestamp
		k.OffsetDelta = int32(i)
		k.Key, k.Value = r.Key, r.Value
		for _, h := range r.Headers {
			k.Headers = append(k.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
		}
		k.Length = int32(len(k.AppendTo(nil)) - 1)
		body := k.AppendTo(nil)
		k.Length = int32(len(body) - varintSize(int64(k.Length)))
		b.Records = k.AppendTo(b.Records)
	}
	b.Length = int32(len(b.Records) + 49)
	data := b.AppendTo(nil)
	sum := crc32.Checksum(data[21:], crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(data[17:], sum)
	return data
}

func varintSize(v int64) int { return len(binary.AppendVarint(nil, v)) }

func Test_decoding_reports_what_it_cannot_read(t *testing.T) {
	good, err := kafka.EncodeBatch(kafka.CodecNone, 7, 1, 0, rows(10))
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	reseal := func(b []byte) []byte {
		binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
		return b
	}
	for _, tc := range []struct {
		name    string
		data    []byte
		records int
		isError bool
	}{
		{"nothing", nil, 0, false},
		{"a_cut_off_last_batch_is_left_out", append(bytes.Clone(good), good[:len(good)-1]...), 10, false},
		{"a_cut_off_only_batch_is_nothing", good[:len(good)-1], 0, false},
		{"a_control_batch_is_skipped", reseal(change(22, 0x20)), 0, false},
		{"flipped_bit_in_a_record", change(80, 0xff), 0, true},
		{"old_format", change(16, 1), 0, true},
		{"impossible_length", change(8, 0xff), 0, true},
		{"unknown_codec", reseal(change(22, 7)), 0, true},
		{"zstd_that_is_none", reseal(change(22, 4)), 0, true},
		{"gzip_that_is_none", reseal(change(22, 1)), 0, true},
		{"lz4_that_is_none", reseal(change(22, 3)), 0, true},
		{"snappy_that_is_none", reseal(change(22, 2)), 0, true},
		{"more_records_announced_than_present", reseal(change(60, 200)), 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			recs, _, err := decodeBatches(t, tc.data, 0)
			if (err != nil) != tc.isError || len(recs) != tc.records {
				t.Errorf("got %d records, error %v", len(recs), err)
			}
		})
	}
}

func Test_records_before_the_asked_offset_are_left_out(t *testing.T) {
	data, err := kafka.EncodeBatch(kafka.CodecLZ4, -1, -1, -1, rows(100))
	if err != nil {
		t.Fatal(err)
	}
	recs, next, err := decodeBatches(t, data, 90)
	if err != nil || len(recs) != 10 || recs[0].Offset != 90 || next != 100 {
		t.Errorf("got %d records, next %d, error %v", len(recs), next, err)
	}
}

func Test_sequence_wraps_to_zero_after_the_largest(t *testing.T) {
	for _, tc := range []struct{ sequence, count, want int32 }{
		{0, 5, 5}, {math.MaxInt32 - 5, 5, math.MaxInt32}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 1, 5, 3},
	} {
		if got := kafka.NextSequence(tc.sequence, tc.count); got != tc.want {
			t.Errorf("%d after %d: got %d, want %d", tc.count, tc.sequence, got, tc.want)
		}
	}
}

func Test_partition_of_a_key_equals_other_clients(t *testing.T) {
	for n := 1; n <= 64; n++ {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		balancer := &kafkago.Hash{}
		for i := range 200 {
			key := fmt.Appendf(nil, "CEKDEMO001/KC%014d", i)
			want := balancer.Balance(kafkago.Message{Key: key}, all...)
			if got := kafka.PartitionFor(key, n); int(got) != want {
				t.Fatalf("%s over %d: got %d, want %d", key, n, got, want)
			}
		}
	}
}

func FuzzDecodeBatches(f *testing.F) {
	for _, codec := range codecs {
		data, err := kafka.EncodeBatch(codec, 7, 1, 0, variety()[:6])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, true)
		f.Add(data[:len(data)/2], false)
	}
	d, err := kafka.NewDecoder()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, isSealed bool) {
		if isSealed && len(data) > 61 { // so that damage behind the checksum is reached
			binary.BigEndian.PutUint32(data[8:], uint32(len(data)-12))
			binary.BigEndian.PutUint32(data[17:], crc32.Checksum(data[21:], crc32.MakeTable(crc32.Castagnoli)))
		}
		recs, _, err := d.DecodeAll(data, 0)
		if err != nil && len(recs) > 0 {
			t.Errorf("%d records beside error %v", len(recs), err)
		}
	})
}

func FuzzReadFetchResponse(f *testing.F) {
	data, err := kafka.EncodeBatch(kafka.CodecNone, 7, 1, 0, variety()[:3])
	if err != nil {
		f.Fatal(err)
	}
	for _, version := range []int16{4, 7, 11} {
		f.Add(version, fetchFrame(version, 9, data))
	}
	f.Fuzz(func(t *testing.T, version int16, frame []byte) {
		if version < 4 || version > 11 || (len(frame) >= 4 && binary.BigEndian.Uint32(frame) > 1<<20) {
			return
		}
		_, data, err := kafka.ReadFetchResponse(version, 9, frame)
		if err == nil && len(data) > len(frame) {
			t.Errorf("%d bytes from a frame of %d", len(data), len(frame))
		}
	})
}

// fetchFrame is a fetch response with one partition, encoded by franz-go.
func fetchFrame(version int16, id int32, data []byte) []byte {
	res := kmsg.NewPtrFetchResponse()
	res.SetVersion(version)
	part := kmsg.NewFetchResponseTopicPartition()
	part.RecordBatches = data
	part.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{{ProducerID: 1, FirstOffset: 2}}
	res.Topics = []kmsg.FetchResponseTopic{{Topic: "t", Partitions: []kmsg.FetchResponseTopicPartition{part}}}
	body := res.AppendTo(binary.BigEndian.AppendUint32(nil, uint32(id)))
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func Test_fetch_response_is_read_in_every_version(t *testing.T) {
	for version := int16(4); version <= 11; version++ {
		code, data, err := kafka.ReadFetchResponse(version, 9, fetchFrame(version, 9, []byte("data")))
		if err != nil || code != 0 || string(data) != "data" {
			t.Errorf("version %d: code %d, data %q, error %v", version, code, data, err)
		}
		if _, _, err := kafka.ReadFetchResponse(version, 8, fetchFrame(version, 9, nil)); err == nil {
			t.Errorf("version %d: an answer to another request was taken", version)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	recs := rows(4000)
	plain := 0
	for _, r := range recs {
		plain += len(r.Key) + len(r.Value)
	}
	for _, codec := range codecs {
		b.Run(string(codec), func(b *testing.B) {
			e, err := kafka.NewEncoder(codec)
			if err != nil {
				b.Fatal(err)
			}
			size := 0
			for b.Loop() {
				if size, err = e.Encode(recs); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(recs)), "ns/record")
			b.ReportMetric(float64(size)/float64(plain), "size/plain")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	recs := rows(4000)
	for _, codec := range codecs {
		b.Run(string(codec), func(b *testing.B) {
			data, err := kafka.EncodeBatch(codec, 1, 0, 0, recs)
			if err != nil {
				b.Fatal(err)
			}
			d, err := kafka.NewDecoder()
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if n, err := d.Decode(data); err != nil || n != len(recs) {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(recs)), "ns/record")
		})
	}
}
