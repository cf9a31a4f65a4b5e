package bulk

import "sluice/internal/customer"

// Row is one data row on its way to the store: the content of a row event.
type Row struct {
	Upload  string
	Company string
	Kind    Kind
	Number  int64 // data row, from 1
	Line    int64 // physical line where it begins
	// Prev is the upload's previous row in the same partition, 0 for its first.
	// A row is taken only if Prev equals the partition's mark: a gap shows itself.
	Prev int64

	ByRef      bool   // the file identifies its customers by uniqueRefNo
	Identity   string // the identity cell, trimmed
	CustomerID string // the identity, or the id generated for a create; empty: looked up by reference

	Changes  customer.Changes
	Amount   customer.Decimal // outstandingAmount
	Warnings []customer.Issue
}

// Status is what became of a row.
type Status uint8

// The results of a row.
const (
	StatusApplied Status = iota
	StatusUnchanged
	StatusFailed
	StatusUnprocessed
)

// String returns the word used in result files and metrics.
func (s Status) String() string {
	switch s {
	case StatusApplied:
		return "applied"
	case StatusUnchanged:
		return "unchanged"
	case StatusFailed:
		return "failed"
	case StatusUnprocessed:
		return "unprocessed"
	}
	return "unknown"
}

// Bucket returns where a row of this status is listed.
func (s Status) Bucket() Bucket {
	switch s {
	case StatusFailed:
		return BucketFailure
	case StatusUnprocessed:
		return BucketUnprocessed
	default:
		return BucketSuccess
	}
}

// Result is what became of one row. Each row of an upload gets exactly one.
type Result struct {
	Row        int64
	Status     Status
	CustomerID string // empty when no customer was found
	Version    int64  // of the customer after the row; 0 when none
	Amount     customer.Decimal
	Warnings   []customer.Issue
	Errors     []customer.Issue // at least one when failed
}

// ResultBatch carries the results of rows in (Prev, Last] of one source: every
// row of that source in that range, in row order. With Ends it instead says that
// the split is finished, and where each source ends.
type ResultBatch struct {
	Upload  string
	Company string
	Source  int32
	Prev    int64
	Last    int64
	Results []Result
	// Ends holds the last row of each source, 0 for a source without rows; nil
	// in a batch of results. Rows is then the number of rows of the file.
	Ends []int64
	Rows int64
}

// Change is what one row did to one customer.
type Change struct {
	Upload     string
	Company    string
	CustomerID string
	Row        int64
	Version    int64
	Operation  Operation
	ChangedAt  int64 // milliseconds since the Unix epoch
	Fields     customer.FieldSet
	Before     []byte // the customer's document before; nil when created
	After      []byte // the customer's document after
}

// Operation is the sort of a change.
type Operation uint8

// The operations.
const (
	OperationCreated Operation = iota
	OperationUpdated
	OperationDeleted
)

// Response is the final answer of an upload as it goes to subscribers.
type Response struct {
	Upload     string
	Company    string
	Kind       Kind
	Outcome    Outcome
	Counters   Counters
	FinishedAt int64  // milliseconds since the Unix epoch
	Body       []byte // the BulkResponse as JSON, made once
}

// Outcome sums an upload up in one word.
type Outcome string

// The outcomes.
const (
	OutcomeComplete Outcome = "complete" // all rows succeeded
	OutcomePartial  Outcome = "partial"
	OutcomeNone     Outcome = "none" // not one row succeeded
)

// Outcome returns the word for the counters of a finished upload.
func (c Counters) Outcome() Outcome {
	switch {
	case c.Success() == 0:
		return OutcomeNone
	case c.Success() == c.Total:
		return OutcomeComplete
	default:
		return OutcomePartial
	}
}
