package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// response is a BulkResponse.
type response struct {
	Total           int64       `json:"total_count"`
	Success         int64       `json:"success_count"`
	Failure         int64       `json:"failure_count"`
	Warn            int64       `json:"warn_count"`
	SecondFile      int64       `json:"failure_count_second_file"`
	Amount          json.Number `json:"total_amount"`
	SuccessRequests []rowReport `json:"successRequests"`
	FailureRequests []rowReport `json:"failureRequests"`
	SuccessFileName *string     `json:"success_file_name"`
	SuccessFileURL  *string     `json:"success_file_url"`
	FailureFileName *string     `json:"failure_file_name"`
	FailureFileURL  *string     `json:"failure_file_url"`
	uploadID        string      // of the headers
	outcome         string      // likewise
	raw             []byte      // the payload as sent
}

// rowReport is a row of the samples; cells are by their JSON names.
type rowReport map[string]any

type rowIssue struct {
	Field, RejectedValue *string
	Code, Message        string
}

// issues decodes "errors" or "warnings".
func (r rowReport) issues(t *testing.T, key string) []rowIssue {
	t.Helper()
	raw, err := json.Marshal(r[key])
	if err != nil {
		t.Fatal(err)
	}
	var list []rowIssue
	if err := decodeJSON(raw, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// codes are the codes of "errors" or "warnings", joined.
func (r rowReport) codes(t *testing.T, key string) string {
	t.Helper()
	var codes []string
	for _, i := range r.issues(t, key) {
		codes = append(codes, i.Code)
	}
	return strings.Join(codes, " ")
}

// status is an upload's resource.
type status struct {
	Upload struct {
		UploadID   string     `json:"uploadId"`
		State      string     `json:"state"`
		Kind       string     `json:"kind"`
		CompanyID  string     `json:"companyId"`
		FileName   string     `json:"fileName"`
		SHA256     string     `json:"sha256"`
		Dialect    dialect    `json:"dialect"`
		Warnings   []rowIssue `json:"warnings"`
		AcceptedAt time.Time  `json:"acceptedAt"`
		FinishedAt *time.Time `json:"finishedAt"`
		Counters   counters   `json:"counters"`
		Links      struct {
			Self, Events                  string
			Success, Failure, Unprocessed *string
		} `json:"links"`
	} `json:"upload"`
	Response json.RawMessage `json:"response"`
}

type dialect struct {
	Format, Encoding, Delimiter, LineEnding string
	BOM                                     bool
}

type counters struct {
	Total, Applied, Unchanged, Failed, Unprocessed, Warned int64
}

func (c counters) done() int64 { return c.Applied + c.Unchanged + c.Failed + c.Unprocessed }
