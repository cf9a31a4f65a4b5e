package kafka_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/internal/kafka"
)

// benchBrokers is a broker of this process, whose cost counts, or those listed in
// SLUICE_TEST_KAFKA.
func benchBrokers(b *testing.B) []string {
	b.Helper()
	if list := os.Getenv("SLUICE_TEST_KAFKA"); list != "" {
		return strings.Split(list, ",")
	}
	return newFake(b, kfake.NumBrokers(1)).ListenAddrs()
}

// cpuNanos is the processor time that this process has used.
func cpuNanos(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func reportPerRecord(b *testing.B, cpu int64, records int) {
	b.Helper()
	b.ReportMetric(float64(cpu)/float64(records), "cpu-ns/record")
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}

func benchRows(topic string) []kafka.Record {
	recs := rows(6000)
	for i := range recs {
		recs[i].Topic, recs[i].Partition = topic, int32(i%6)
	}
	return recs
}

func BenchmarkProduce(b *testing.B) {
	for _, codec := range codecs {
		b.Run(string(codec), func(b *testing.B) {
			ctx := b.Context()
			c := newClient(b, benchBrokers(b), func(o *kafka.Options) { o.Compression = codec })
			p := newProducer(ctx, b, c)
			recs := benchRows(newTopic(ctx, b, c, 6, nil))
			if err := p.Produce(ctx, recs); err != nil {
				b.Fatal(err)
			}
			before := cpuNanos(b)
			for b.Loop() {
				if err := p.Produce(ctx, recs); err != nil {
					b.Fatal(err)
				}
			}
			reportPerRecord(b, cpuNanos(b)-before, b.N*len(recs))
		})
	}
}

func BenchmarkConsume(b *testing.B) {
	for _, codec := range codecs {
		b.Run(string(codec), func(b *testing.B) {
			ctx := b.Context()
			c := newClient(b, benchBrokers(b), func(o *kafka.Options) { o.Compression = codec })
			p := newProducer(ctx, b, c)
			topic := newTopic(ctx, b, c, 1, nil)
			recs := benchRows(topic)
			for i := range recs {
				recs[i].Partition = 0
			}
			for range 50 {
				if err := p.Produce(ctx, recs); err != nil {
					b.Fatal(err)
				}
			}
			n := 0
			before := cpuNanos(b)
			for b.Loop() {
				left := 50 * len(recs)
				err := c.Read(ctx, topic, 0, kafka.First, func(batch *kafka.Batch) error {
					n += len(batch.Records)
					if left -= len(batch.Records); left <= 0 {
						return errEnough
					}
					return nil
				})
				if left > 0 {
					b.Fatal(err)
				}
			}
			reportPerRecord(b, cpuNanos(b)-before, n)
		})
	}
}
