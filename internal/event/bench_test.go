package event_test

import (
	"fmt"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

const (
	benchUpload  = "0199c0de-7a11-7c3e-9b1a-4d5e6f708192"
	benchCompany = "CEKDEMO001"
)

// benchCustomer is an ordinary customer: most fields set, two branches.
func benchCustomer(i int) customer.Customer {
	c := customer.Customer{
		CustomerID: fmt.Sprintf("KC%014d", i),
		Version:    int64(1 + i%7),
		UpdatedAt:  time.UnixMilli(1_760_000_000_000 + int64(i)*37).UTC(),
	}
	text := func(f customer.Field, s string) { c.Values[f] = customer.Value{Set: true, Text: s} }
	text(customer.UniqueRefNo, fmt.Sprintf("REF-%08d", i*7919%100_000_000))
	text(customer.AccountNumber, fmt.Sprintf("19143100%08d", i*104_729%100_000_000))
	text(customer.IFSC, fmt.Sprintf("HDFC0%06d", i%9973))
	text(customer.ContactNumber, fmt.Sprintf("+9198%08d", i*15_485_863%100_000_000))
	text(customer.LegalName, fmt.Sprintf("Asha Traders %d Private Limited", i))
	text(customer.PinCode, fmt.Sprintf("56%04d", i%9999))
	text(customer.State, []string{"Karnataka", "Maharashtra", "Tamil Nadu", "Gujarat"}[i%4])
	text(customer.Address, fmt.Sprintf("%d, MG Road, Ward %d, Bengaluru", i%500, i%73))
	text(customer.AssignedAgent, []string{"R. Iyer", "S. Khan", "M. D'Souza"}[i%3])
	c.Values[customer.BranchCodes] = customer.Value{Set: true, List: []string{"BLR01", "BLR02"}}
	return c
}

// benchRow sets six fields, as an ordinary update does.
func benchRow(i int) bulk.Row {
	c := benchCustomer(i)
	r := bulk.Row{
		Upload: benchUpload, Company: benchCompany, Kind: bulk.KindUpdate,
		Number: int64(i), Line: int64(i + 1), Prev: int64(max(0, i-4)),
		Identity: c.CustomerID, CustomerID: c.CustomerID,
		Amount: customer.DecimalFromUnits(int64(i) * 12_345),
	}
	for _, f := range []customer.Field{
		customer.AccountNumber, customer.IFSC, customer.ContactNumber,
		customer.LegalName, customer.PinCode, customer.Address,
	} {
		r.Changes[f] = customer.Change{Action: customer.Set, Value: c.Values[f]}
	}
	return r
}

func benchChange(codec *event.Codec, i int) bulk.Change {
	before := benchCustomer(i)
	after := before
	after.Version++
	after.UpdatedAt = time.UnixMilli(1_765_000_000_000).UTC()
	after.Values[customer.Address] = customer.Value{Set: true, Text: fmt.Sprintf("%d, Brigade Road, Bengaluru", i)}
	after.Values[customer.ContactNumber] = customer.Value{Set: true, Text: fmt.Sprintf("+9197%08d", i*32_452_843%100_000_000)}
	return bulk.Change{
		Upload: benchUpload, Company: benchCompany, CustomerID: before.CustomerID,
		Row: int64(i), Version: after.Version, Operation: bulk.OperationUpdated, ChangedAt: 1_765_000_000_000,
		Fields: customer.SetOf(customer.Address, customer.ContactNumber),
		Before: codec.AppendCustomer(nil, &before), After: codec.AppendCustomer(nil, &after),
	}
}

func benchResults(n int) bulk.ResultBatch {
	b := bulk.ResultBatch{Upload: benchUpload, Company: benchCompany, Source: 2, Last: int64(n)}
	for i := range n {
		b.Results = append(b.Results, bulk.Result{
			Row: int64(i + 1), CustomerID: fmt.Sprintf("KC%014d", i), Version: int64(2 + i%7),
			Amount: customer.DecimalFromUnits(int64(i) * 12_345),
		})
	}
	return b
}

func BenchmarkAppendRow(b *testing.B) {
	codec, r := event.NewCodec(event.DefaultIDs()), benchRow(123_456)
	buf := codec.AppendRow(nil, &r)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = codec.AppendRow(buf[:0], &r)
	}
}

func BenchmarkDecodeRow(b *testing.B) {
	codec, r := event.NewCodec(event.DefaultIDs()), benchRow(123_456)
	buf := codec.AppendRow(nil, &r)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if err := codec.DecodeRow(buf, &r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuilderRow(b *testing.B) {
	codec, r := event.NewCodec(event.DefaultIDs()), benchRow(123_456)
	builder := codec.NewBuilder()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%2000 == 0 {
			builder.Reset()
		}
		builder.Row(&r, 3)
	}
}

func BenchmarkAppendCustomer(b *testing.B) {
	codec, c := event.NewCodec(event.DefaultIDs()), benchCustomer(123_456)
	buf := codec.AppendCustomer(nil, &c)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = codec.AppendCustomer(buf[:0], &c)
	}
}

func BenchmarkDecodeCustomer(b *testing.B) {
	codec, c := event.NewCodec(event.DefaultIDs()), benchCustomer(123_456)
	buf := codec.AppendCustomer(nil, &c)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if err := codec.DecodeCustomer(buf, &c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuilderChange(b *testing.B) {
	codec := event.NewCodec(event.DefaultIDs())
	ch, builder := benchChange(codec, 123_456), codec.NewBuilder()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%2000 == 0 {
			builder.Reset()
		}
		builder.Change(&ch)
	}
}

func BenchmarkDecodeChange(b *testing.B) {
	codec := event.NewCodec(event.DefaultIDs())
	ch := benchChange(codec, 123_456)
	buf := codec.AppendChange(nil, &ch)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if err := codec.DecodeChange(buf, &ch); err != nil {
			b.Fatal(err)
		}
	}
}

// Figures of the batches below are for 2,000 rows: ns/row says it per row.
func perRow(b *testing.B, rows int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}

func BenchmarkBuilderResults(b *testing.B) {
	codec, batch := event.NewCodec(event.DefaultIDs()), benchResults(2000)
	builder := codec.NewBuilder()
	b.ReportAllocs()
	for b.Loop() {
		builder.Reset()
		builder.Results(&batch, 0)
	}
	perRow(b, 2000)
}

func BenchmarkDecodeResults(b *testing.B) {
	codec, batch := event.NewCodec(event.DefaultIDs()), benchResults(2000)
	buf := codec.AppendResults(nil, &batch)
	b.ReportAllocs()
	for b.Loop() {
		if err := codec.DecodeResults(buf, &batch); err != nil {
			b.Fatal(err)
		}
	}
	perRow(b, 2000)
}

// benchJournal is the journal of a batch of 2,000 updates.
func benchJournal() []byte {
	codec := event.NewCodec(event.DefaultIDs())
	builder := codec.NewBuilder()
	results := benchResults(2000)
	builder.Results(&results, 0)
	for i := range 2000 {
		ch := benchChange(codec, i*13+1)
		builder.Change(&ch)
	}
	var plain []byte
	for i := range builder.Records() {
		plain = event.AppendJournal(plain, &builder.Records()[i])
	}
	return plain
}

func BenchmarkAppendJournal(b *testing.B) {
	codec := event.NewCodec(event.DefaultIDs())
	builder := codec.NewBuilder()
	for i := range 2000 {
		ch := benchChange(codec, i*13+1)
		builder.Change(&ch)
	}
	var plain []byte
	b.ReportAllocs()
	for b.Loop() {
		plain = plain[:0]
		for i := range builder.Records() {
			plain = event.AppendJournal(plain, &builder.Records()[i])
		}
	}
	perRow(b, 2000)
}

func BenchmarkCompress(b *testing.B) {
	plain := benchJournal()
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = event.Compress(out[:0], plain)
	}
	perRow(b, 2000)
	b.ReportMetric(float64(len(plain))/2000, "plainB/row")
	b.ReportMetric(float64(len(out))/2000, "B/row")
}

func BenchmarkEachJournal(b *testing.B) {
	body := event.Compress(nil, benchJournal())
	b.ReportAllocs()
	for b.Loop() {
		if err := event.EachJournal(body, func(*bulk.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	perRow(b, 2000)
}
