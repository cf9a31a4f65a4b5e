package bulk

import (
	"context"

	"sluice/internal/customer"
)

// AnalyticsUpload is what analytics keeps of one response.
type AnalyticsUpload struct {
	Company    string
	Upload     string
	Kind       Kind
	Outcome    Outcome
	Counters   Counters
	FinishedAt int64 // milliseconds since the Unix epoch
}

// AnalyticsResult is what analytics keeps of one row's result.
type AnalyticsResult struct {
	Company    string
	Upload     string
	Row        int64
	Status     Status
	CustomerID string // empty when no customer was found
	Version    int64
	Amount     customer.Decimal
	Errors     []AnalyticsIssue
	Warnings   []AnalyticsIssue
}

// AnalyticsIssue is an error or a warning without the value it is about.
type AnalyticsIssue struct {
	Code  customer.Code
	Field string // empty: the row as a whole
}

// AnalyticsChange is what analytics keeps of one change: which fields, no values.
type AnalyticsChange struct {
	Company    string
	Upload     string
	Row        int64
	CustomerID string
	Version    int64
	Operation  Operation
	Fields     customer.FieldSet
	ChangedAt  int64 // milliseconds since the Unix epoch
}

// AnalyticsSink is where analytics writes. An insert that returns nil is durable
// and can be read. An insert that returns an error may have taken effect: the
// same rows in the same order under the same token are sent again, and count
// once. Rows that come again under another token count once too, but readers may
// have to ask for it. The rows are not kept. Safe for concurrent use.
type AnalyticsSink interface {
	InsertUploads(ctx context.Context, token string, rows []AnalyticsUpload) error
	InsertResults(ctx context.Context, token string, rows []AnalyticsResult) error
	InsertChanges(ctx context.Context, token string, rows []AnalyticsChange) error
}
