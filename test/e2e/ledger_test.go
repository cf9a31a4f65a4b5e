package e2e_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// checkLedger holds I3: every row number 1..N is in exactly one bucket, and files,
// response, status and topics agree to the row.
func (s *server) checkLedger(r *response, rows int64) {
	s.t.Helper()
	if r.Total != rows || r.Success+r.Failure != rows {
		s.t.Errorf("of %d rows the response has %d, %d succeeded and %d failed", rows, r.Total, r.Success, r.Failure)
	}
	st := s.status(r.uploadID)
	if c := st.Upload.Counters; c.Total != rows || c.Applied+c.Unchanged != r.Success || c.Failed != r.Failure || c.Unprocessed != 0 {
		s.t.Errorf("the status counts %+v, the response %d and %d", c, r.Success, r.Failure)
	}
	inFiles := map[int64]string{}
	for bucket, address := range map[string]*string{"success": r.SuccessFileURL, "failure": r.FailureFileURL} {
		if address == nil {
			continue
		}
		for row, status := range s.rowsOf(*address) {
			if was := inFiles[row]; was != "" || (status == "failed") != (bucket == "failure") {
				s.t.Errorf("row %d, %s, is in the %s file and was %q before", row, status, bucket, was)
			}
			inFiles[row] = status
		}
	}
	for row := int64(1); row <= rows; row++ {
		if inFiles[row] == "" {
			s.t.Errorf("row %d is in no file", row)
		}
	}
	onTopic := s.results(r.uploadID)
	if !reflect.DeepEqual(onTopic, inFiles) {
		s.t.Errorf("bulk.results has %d rows of the upload and the files %d", len(onTopic), len(inFiles))
	}
	changed := map[string]bool{}
	for _, e := range s.events("customer.changes", r.uploadID) {
		changed[e.header("row")] = true
		if row, err := strconv.ParseInt(e.header("row"), 10, 64); err != nil || inFiles[row] != "applied" {
			s.t.Errorf("row %s is %q and has a change (%v)", e.header("row"), inFiles[row], err)
		}
	}
	if int64(len(changed)) != st.Upload.Counters.Applied {
		s.t.Errorf("%d rows are applied and %d have a change", st.Upload.Counters.Applied, len(changed))
	}
}

// rowsOf reads a result file: status by row number.
func (s *server) rowsOf(address string) map[int64]string {
	s.t.Helper()
	reader := csv.NewReader(strings.NewReader(s.file(&address)))
	reader.FieldsPerRecord = -1
	if _, err := reader.Read(); err != nil {
		s.t.Fatal(err)
	}
	rows := map[int64]string{}
	last := int64(0)
	for {
		record, err := reader.Read()
		if err == io.EOF { //nolint:errorlint // as the reader documents
			return rows
		}
		if err != nil {
			s.t.Fatal(err)
		}
		row, err := strconv.ParseInt(record[0], 10, 64)
		if err != nil || row <= last {
			s.t.Fatalf("after row %d comes %q", last, record[0])
		}
		rows[row], last = record[2], row
	}
}

// results reads what bulk.results says of an upload's rows; a row may be said
// twice, in the same words.
func (s *server) results(uploadID string) map[int64]string {
	s.t.Helper()
	rows := map[int64]string{}
	for _, e := range s.events("bulk.results", uploadID) {
		list, _ := plain(e.value["results"]).([]any)
		for _, item := range list {
			result, _ := item.(map[string]any)
			row, _ := result["row"].(int64)
			status := strings.ToLower(fmt.Sprint(result["status"]))
			if was := rows[row]; was != "" && was != status {
				s.t.Errorf("row %d is %s in one event and %s in another", row, was, status)
			}
			rows[row] = status
		}
	}
	return rows
}

// checkChanges is I7: folding customer.changes by version gives the store, and
// versions have no gaps (I2).
func (s *server) checkChanges(of string) {
	s.t.Helper()
	held := map[string]map[string]any{}
	for _, r := range s.records("customer.changes") {
		if !strings.HasPrefix(string(r.Key), of+"/") {
			continue
		}
		value := s.decode(r.Value)
		id := fmt.Sprint(value["customerId"])
		version, _ := value["version"].(int64)
		was, _ := held[id]["version"].(int64)
		if version <= was {
			continue // a redelivery
		}
		if version != was+1 {
			s.t.Errorf("after version %d of %s comes %d", was, id, version)
		}
		held[id], _ = plain(value["after"]).(map[string]any)
	}
	store := s.customers(of)
	if len(store) != len(held) {
		s.t.Errorf("the store has %d customers and the changes give %d", len(store), len(held))
	}
	for id, stored := range store {
		folded := held[id]
		for field, want := range stored {
			if got := normal(folded[field]); fmt.Sprint(got) != fmt.Sprint(normal(want)) {
				s.t.Errorf("%s of %s is %v in the store and %v by the changes", field, id, want, got)
			}
		}
	}
}

// normal makes values of JSON and of Avro comparable.
func normal(v any) any {
	switch v := v.(type) {
	case float64:
		return int64(v)
	case int32:
		return int64(v)
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000Z")
	default:
		return v
	}
}

// TestI3EveryRowIsInOneBucket is I3 on a file of all kinds of row, larger than a batch.
func TestI3EveryRowIsInOneBucket(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(manyRows(2000))
		const rows = 6000
		var file strings.Builder
		file.WriteString("customerId,state,pinCode\n")
		for n := range rows {
			fmt.Fprintf(&file, "%s,%s,%s\n", customerID(n%2500), [...]string{"Goa", "Kerala", "Assam", ""}[n%4], [...]string{"", "560001", "x", "", "000000"}[n%5])
		}
		r := s.apply(upload{file: file.String()})
		s.snapshot()
		s.checkLedger(r, rows)
		s.checkChanges(company)
		if a := s.get(uploadsPath + "/" + r.uploadID + "/files/unprocessed"); a.status != http.StatusNotFound {
			t.Errorf("the file of unprocessed rows answers %d", a.status)
		}
	})
}
