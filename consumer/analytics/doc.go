// Package analytics owns partitions of customer.changes, bulk.results and
// bulk.responses and copies what dashboards need of them into the analytics
// store: which rows came to what, which fields changed, never a value.
//
// The analytics store has no transactions, so each stretch of the log, a block,
// is inserted under a token: its boundaries are recorded in the main store
// before the insert, whoever repeats it reads the same records again and sends
// the same rows under the same token, and the analytics store drops what it has.
// The second line are its tables, which keep one row for each row of an upload.
//
// It must not know what store or log it stands on, and nothing waits for it: an
// analytics store that is away delays dashboards and nothing else.
package analytics
