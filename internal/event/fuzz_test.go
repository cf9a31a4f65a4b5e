package event_test

import (
	"bytes"
	"errors"
	"testing"

	"sluice/internal/bulk"
	"sluice/internal/event"
)

// fuzzDecoder feeds anything to one decoder: it must not panic, must report
// failures as *DecodeError and, when it succeeds, find the same again in what
// it encodes.
func fuzzDecoder(f *testing.F, name string) {
	f.Helper()
	for _, d := range decoders(f) {
		if d.name != name {
			continue
		}
		f.Add(d.good)
		f.Add(d.good[:len(d.good)/2])
		f.Fuzz(func(t *testing.T, value []byte) {
			err := d.decode(value)
			var bad *event.DecodeError
			if err != nil {
				if !errors.As(err, &bad) || bad.Offset < 0 || bad.Offset > len(value) {
					t.Fatalf("error %v for %d bytes", err, len(value))
				}
				return
			}
			first := d.again()
			if err := d.decode(first); err != nil {
				t.Fatalf("decode what was encoded: %v", err)
			}
			if second := d.again(); !bytes.Equal(first, second) {
				t.Fatalf("encoded %x, then %x", first, second)
			}
		})
	}
}

func FuzzDecodeRow(f *testing.F)      { fuzzDecoder(f, "row") }
func FuzzDecodeResults(f *testing.F)  { fuzzDecoder(f, "results") }
func FuzzDecodeChange(f *testing.F)   { fuzzDecoder(f, "change") }
func FuzzDecodeResponse(f *testing.F) { fuzzDecoder(f, "response") }
func FuzzDecodeCustomer(f *testing.F) { fuzzDecoder(f, "customer") }

// FuzzJournal reads any bytes as a journal, compressed and plain.
func FuzzJournal(f *testing.F) {
	codec := event.NewCodec(event.DefaultIDs())
	ch := benchChange(codec, 7)
	rec := codec.ChangeRecord(&ch)
	plain := event.AppendJournal(nil, &rec)
	f.Add(plain)
	f.Add(event.Compress(nil, plain))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, b := range [][]byte{body, event.Compress(nil, body)} {
			err := event.EachJournal(b, func(*bulk.Record) error { return nil })
			var bad *event.DecodeError
			if err != nil && !errors.As(err, &bad) {
				t.Fatalf("error is %v", err)
			}
		}
	})
}

// FuzzJSON renders any bytes as each topic.
func FuzzJSON(f *testing.F) {
	codec := event.NewCodec(event.DefaultIDs())
	for _, d := range decoders(f) {
		f.Add(d.good)
	}
	topics := []string{bulk.TopicUpdates, bulk.TopicResults, bulk.TopicChanges, bulk.TopicResponses, bulk.TopicDeadLetters}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, topic := range topics {
			_, err := codec.JSON(topic, value)
			var bad *event.DecodeError
			if err != nil && !errors.As(err, &bad) {
				t.Fatalf("error is %v", err)
			}
		}
	})
}
