package broker_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/internal/broker"
)

// frame is a request head: size, key, version, correlation id, then the body.
func frame(size uint32, key, version int16, body ...byte) []byte {
	var buf bytes.Buffer
	for _, v := range []any{size, key, version, int32(1)} {
		_ = binary.Write(&buf, binary.BigEndian, v) // a buffer does not fail
	}
	return append(buf.Bytes(), body...)
}

// exchange sends bytes and reads whatever comes back until the end.
func exchange(t *testing.T, addr string, sent []byte) []byte {
	t.Helper()
	ctx := testContext(t)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	end, _ := ctx.Deadline()
	if err := conn.SetDeadline(end); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection was not closed")
	}
	return answer // a reset is as good as an end
}

func TestGuardClosesWhatIsNotServed(t *testing.T) {
	b, _ := start(t, options(t.TempDir()))
	filler := make([]byte, 16)
	for name, sent := range map[string][]byte{
		"unknown_api_key":                frame(10, 999, 0, 0, 0),
		"negative_api_key":               frame(10, -1, 0, 0, 0),
		"negative_version":               frame(10, 3, -1, 0, 0),
		"too_new_version":                frame(10, 3, 99, 0, 0),
		"frame_of_two_gigabytes":         frame(1<<31-1, 0, 8, filler...),
		"frame_of_negative_size":         frame(1<<32-1, 0, 8, filler...),
		"frame_over_64_megabytes":        frame(64<<20+1, 0, 8, filler...),
		"metadata_over_4_megabytes":      frame(4<<20+1, 3, 8, filler...),
		"frame_too_short":                frame(4, 3, 8, filler...),
		"delete_records":                 frame(24, kmsg.DeleteRecords.Int16(), 2, filler...),
		"alter_configs_replacing_all":    frame(24, kmsg.AlterConfigs.Int16(), 2, filler...),
		"add_partitions_to_transaction":  frame(24, kmsg.AddPartitionsToTxn.Int16(), 3, filler...),
		"add_offsets_to_transaction":     frame(24, kmsg.AddOffsetsToTxn.Int16(), 3, filler...),
		"commit_offsets_in_transaction":  frame(24, kmsg.TxnOffsetCommit.Int16(), 3, filler...),
		"end_transaction":                frame(24, kmsg.EndTxn.Int16(), 3, filler...),
		"produce_with_implied_txn":       frame(24, kmsg.Produce.Int16(), 12, filler...),
		"http_request_on_the_wrong_port": []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"known_key_with_a_broken_body":   frame(24, kmsg.CreateTopics.Int16(), 5, bytes.Repeat([]byte{0xff}, 16)...),
	} {
		t.Run(name, func(t *testing.T) {
			if answer := exchange(t, b.Addr(), sent); len(answer) != 0 {
				t.Fatalf("answered %x", answer)
			}
		})
	}
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.SessionTimeoutMillis, join.ProtocolType = "g", 6000, "consumer"
	for name, protocols := range map[string][]kmsg.JoinGroupRequestProtocol{
		"member_without_protocol":            nil,
		"member_with_a_protocol_named_twice": {{Name: "range"}, {Name: "range"}},
	} {
		join.Protocols = protocols
		sent := kmsg.NewRequestFormatter().AppendRequest(nil, join, 1)
		if answer := exchange(t, b.Addr(), sent); len(answer) != 0 {
			t.Errorf("%s: answered %x", name, answer)
		}
	}
	cl := client(t, b)
	mustCreate(t, cl, "after", 1, nil)
	produce(t, cl, "after", "still here")
	equal(t, fetch(t, b, "after", 1), []string{"still here"})
}

func TestApiVersionsNamesOnlyWhatIsServed(t *testing.T) {
	b, _ := start(t, options(t.TempDir()))
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(testContext(t), client(t, b))
	if err != nil {
		t.Fatal(err)
	}
	newest := make(map[int16]int16)
	for _, k := range resp.ApiKeys {
		newest[k.ApiKey] = k.MaxVersion
	}
	for _, key := range []kmsg.Key{
		kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.WriteTxnMarkers,
		kmsg.DeleteRecords, kmsg.AlterConfigs,
	} {
		if _, ok := newest[key.Int16()]; ok {
			t.Errorf("%s is advertised", key.Name())
		}
	}
	if v := newest[kmsg.Produce.Int16()]; v != 11 {
		t.Errorf("produce is advertised up to %d, want 11", v)
	}
}

func TestTransactionalProducerIsRefusedAtItsFirstRequest(t *testing.T) {
	b, _ := start(t, options(t.TempDir()))
	cl := client(t, b)
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID, req.TransactionTimeoutMillis = kmsg.StringPtr("orders"), 10_000
	req.ProducerID, req.ProducerEpoch = -1, -1
	for range 2 { // the refusal holds for more than one request
		resp, err := req.RequestWith(testContext(t), cl)
		if err != nil {
			t.Fatal(err)
		}
		if resp.ErrorCode == 0 {
			t.Fatalf("got producer id %d", resp.ProducerID)
		}
	}
}

func TestBatchLimitIsThatOfApacheKafka(t *testing.T) {
	b, _ := start(t, options(t.TempDir()))
	big := client(t, b, kgo.ProducerBatchMaxBytes(8<<20))
	mustCreate(t, big, "rows", 1, map[string]string{"max.message.bytes": "9000000"})
	for size, fits := range map[int]bool{broker.MaxBatchBytes - 100: true, broker.MaxBatchBytes: false} {
		_, err := big.ProduceSync(testContext(t), &kgo.Record{Topic: "rows", Value: make([]byte, size)}).First()
		if (err == nil) != fits {
			t.Errorf("a record of %d bytes: %v", size, err)
		}
	}
}

func TestKafkaGoWritesAndReads(t *testing.T) {
	b, _ := start(t, options(t.TempDir()))
	ctx := testContext(t)
	mustCreate(t, client(t, b), "rows", 1, nil)
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(b.Addr()), Topic: "rows", RequiredAcks: kafka.RequireAll,
		Compression: kafka.Zstd, Transport: transport, BatchTimeout: 10 * time.Millisecond,
	}
	err := w.WriteMessages(ctx, kafka.Message{Key: []byte("k"), Value: []byte("one")},
		kafka.Message{Key: []byte("k"), Value: []byte("two")})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{b.Addr()}, GroupID: "readers", Topic: "rows",
		StartOffset: kafka.FirstOffset, MaxWait: 100 * time.Millisecond,
	})
	defer func() { _ = r.Close() }()
	for _, want := range []string{"one", "two"} {
		m, err := r.ReadMessage(ctx)
		if err != nil || string(m.Value) != want {
			t.Fatalf("read %q, %v; want %q", m.Value, err, want)
		}
	}
}

func TestFailedWriteEndsTheBrokerAndForgetsProducers(t *testing.T) {
	o := options(t.TempDir())
	b, err := broker.Open(testContext(t), o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- b.Run(t.Context()) }()
	cl := client(t, b, kgo.RecordRetries(0), kgo.UnknownTopicRetries(0))
	mustCreate(t, cl, "rows", 1, nil)
	// A file where the partition's folder must go makes the write fail.
	if err := os.WriteFile(filepath.Join(o.Dir, "partitions"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cl.ProduceSync(testContext(t), &kgo.Record{Topic: "rows"}).First(); err == nil {
		t.Fatal("the write did not fail")
	}
	if err := <-done; !errors.Is(err, broker.ErrWrite) {
		t.Fatalf("run answered %v", err)
	}
	if err := b.Barrier(testContext(t)); !errors.Is(err, broker.ErrWrite) {
		t.Fatalf("barrier answered %v", err)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "seq_windows.json")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("producer state was kept: %v", err)
	}
}
