package analytics_test

import (
	"fmt"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
)

const (
	company   = "CEKDEMO001"
	clusterID = "one"
)

var codec = event.NewCodec(event.DefaultIDs())

// expected are the rows that records must give.
type expected struct {
	uploads []bulk.AnalyticsUpload
	results []bulk.AnalyticsResult
	changes []bulk.AnalyticsChange
}

// change makes the record of row n, with documents of some size.
func (e *expected) change(n int) bulk.Record {
	doc := codec.AppendCustomer(nil, &customer.Customer{CustomerID: customerID(n), Version: 2})
	c := bulk.Change{
		Upload: upload(n), Company: company, CustomerID: customerID(n), Row: int64(n), Version: 2,
		Operation: bulk.OperationUpdated, ChangedAt: int64(1_000 + n), Fields: customer.SetOf(customer.Field(n % customer.NumFields)), Before: doc, After: doc,
	}
	e.changes = append(e.changes, bulk.AnalyticsChange{
		Company: c.Company, Upload: c.Upload, Row: c.Row, CustomerID: c.CustomerID,
		Version: 2, Operation: bulk.OperationUpdated, Fields: c.Fields, ChangedAt: c.ChangedAt,
	})
	return codec.ChangeRecord(&c)
}

// resultBatch makes the record of a batch of results that begins at row n.
func (e *expected) resultBatch(n, rows int) bulk.Record {
	b := bulk.ResultBatch{Upload: upload(0), Company: company, Prev: int64(n), Last: int64(n + rows)}
	for i := range rows {
		row := n + 1 + i
		r := bulk.Result{Row: int64(row), Status: bulk.Status(row % 4), CustomerID: customerID(row), Version: int64(row), Amount: customer.DecimalFromUnits(int64(row))}
		want := bulk.AnalyticsResult{Company: company, Upload: b.Upload, Row: r.Row, Status: r.Status, CustomerID: r.CustomerID, Version: r.Version, Amount: r.Amount}
		if r.Status == bulk.StatusFailed {
			r.Errors = []customer.Issue{{Field: "address", Rejected: "private", Code: customer.TooLong, Message: "m"}, {Code: customer.Required}}
			want.Errors = []bulk.AnalyticsIssue{{Code: customer.TooLong, Field: "address"}, {Code: customer.Required}}
		}
		if row%3 == 0 {
			r.Warnings = []customer.Issue{{Field: "customerId", Rejected: "private", Code: customer.RepeatedRow}}
			want.Warnings = []bulk.AnalyticsIssue{{Code: customer.RepeatedRow, Field: "customerId"}}
		}
		b.Results = append(b.Results, r)
		e.results = append(e.results, want)
	}
	return codec.ResultRecords(&b, 800<<10)[0]
}

// splitFinished makes a record of bulk.results without results.
func splitFinished() bulk.Record {
	return codec.ResultRecords(&bulk.ResultBatch{Upload: upload(0), Company: company, Ends: []int64{1, 2}, Rows: 3}, 800<<10)[0]
}

func (e *expected) response(n int) bulk.Record {
	r := bulk.Response{
		Upload: upload(n), Company: company, Kind: bulk.KindCreate, Outcome: bulk.OutcomePartial, FinishedAt: int64(n),
		Counters: bulk.Counters{Total: 3, Applied: 1, Failed: 2, Warned: 1, Amount: customer.DecimalFromUnits(int64(n))}, Body: []byte(`{"private":true}`),
	}
	e.uploads = append(e.uploads, bulk.AnalyticsUpload{Company: company, Upload: r.Upload, Kind: r.Kind, Outcome: r.Outcome, Counters: r.Counters, FinishedAt: r.FinishedAt})
	return codec.ResponseRecord(&r)
}

// journal packs records into a journal row.
func journal(seq int64, records ...bulk.Record) bulk.JournalRow {
	var plain []byte
	for i := range records {
		plain = event.AppendJournal(plain, &records[i])
	}
	return bulk.JournalRow{Source: source(bulk.TopicUpdates), Seq: seq, Body: event.Compress(nil, plain)}
}

func source(topic string) bulk.Source { return bulk.Source{Cluster: clusterID, Topic: topic} }
func upload(n int) string             { return fmt.Sprintf("upload-%d", n) }
func customerID(n int) string         { return fmt.Sprintf("KC%014d", n) }
