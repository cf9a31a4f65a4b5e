package aggregate

import (
	"bytes"
	"encoding/json"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/tabular"
)

const (
	maxSamples     = 100       // rows listed of each bucket
	maxSampleBytes = 256 << 10 // of each list
)

// sample is one listed row: the known cells as sent beside what became of it.
type sample map[string]any

// samples are the rows listed in the response, the lowest row numbers of each bucket.
type samples struct {
	success, failure list
}

type list struct {
	rows   []json.RawMessage
	bytes  int
	isFull bool
}

// issueBody is an error or warning as the response shows it.
type issueBody struct {
	Field         *string `json:"field"`         // null: the row as a whole
	RejectedValue *string `json:"rejectedValue"` // null likewise
	Code          string  `json:"code"`
	Message       string  `json:"message"`
}

func issueBodies(issues []customer.Issue) []issueBody {
	out := make([]issueBody, 0, len(issues))
	for _, i := range issues {
		b := issueBody{Code: string(i.Code), Message: i.Message}
		if i.Field != "" {
			b.Field, b.RejectedValue = &i.Field, &i.Rejected
		}
		out = append(out, b)
	}
	return out
}

// add lists a row if its bucket's list has room.
func (s *samples) add(columns *customer.Columns, row *tabular.Row, res *bulk.Result) {
	var l *list
	switch res.Status.Bucket() {
	case bulk.BucketSuccess:
		l = &s.success
	case bulk.BucketFailure:
		l = &s.failure
	default:
		return
	}
	if l.isFull {
		return
	}
	o := sample{}
	for _, col := range columns.Known() {
		if col.Index >= len(row.Cells) {
			continue
		}
		cell := row.Cells[col.Index]
		if columns.HasRowColumn() {
			cell = tabular.Uninert(cell)
		}
		o[col.Name] = string(bytes.ToValidUTF8(cell, []byte("\uFFFD")))
	}
	o["row"], o["line"], o["status"] = row.Number, row.Line, res.Status.String()
	if res.CustomerID != "" {
		o["customerId"] = res.CustomerID
	} else if _, ok := o["customerId"]; !ok {
		o["customerId"] = nil
	}
	o["warnings"] = issueBodies(res.Warnings)
	if res.Status == bulk.StatusFailed {
		o["errors"] = issueBodies(res.Errors)
	}
	l.add(marshal(o))
}

func (l *list) add(row json.RawMessage) {
	if l.bytes+len(row) > maxSampleBytes {
		l.isFull = true
		return
	}
	l.rows = append(l.rows, row)
	l.bytes += len(row)
	l.isFull = len(l.rows) == maxSamples
}

// responseBody is the BulkResponse; all twelve keys are always present.
type responseBody struct {
	TotalCount             int64             `json:"total_count"`
	SuccessCount           int64             `json:"success_count"`
	FailureCount           int64             `json:"failure_count"`
	WarnCount              int64             `json:"warn_count"`
	FailureCountSecondFile int64             `json:"failure_count_second_file"`
	TotalAmount            customer.Decimal  `json:"total_amount"`
	SuccessRequests        []json.RawMessage `json:"successRequests"`
	FailureRequests        []json.RawMessage `json:"failureRequests"`
	SuccessFileName        *string           `json:"success_file_name"`
	SuccessFileURL         *string           `json:"success_file_url"`
	FailureFileName        *string           `json:"failure_file_name"`
	FailureFileURL         *string           `json:"failure_file_url"`
}

// body makes the JSON of the response; it is made once and then only copied.
func body(u *bulk.Upload, s samples, file func(bulk.Bucket) (name, url string)) []byte {
	b := responseBody{
		TotalCount: u.Counters.Total, SuccessCount: u.Counters.Success(), FailureCount: u.Counters.Failed,
		WarnCount: u.Counters.Warned, TotalAmount: u.Counters.Amount,
		SuccessRequests: orEmpty(s.success.rows), FailureRequests: orEmpty(s.failure.rows),
	}
	if name, url := file(bulk.BucketSuccess); name != "" {
		b.SuccessFileName, b.SuccessFileURL = &name, &url
	}
	if name, url := file(bulk.BucketFailure); name != "" {
		b.FailureFileName, b.FailureFileURL = &name, &url
	}
	return marshal(b)
}

func orEmpty(rows []json.RawMessage) []json.RawMessage {
	if rows == nil {
		return []json.RawMessage{}
	}
	return rows
}

// marshal writes JSON without escaping < > &: the text is no page. The types
// above can always be written.
func marshal(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte("null")
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
