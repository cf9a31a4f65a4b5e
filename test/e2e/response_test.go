package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestResponseHasTwelveKeys is the answer of a file with every kind of row.
func TestResponseHasTwelveKeys(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName,panOrGstin", customerID(1)+",One,27AAPFU0939F1ZV", customerID(2)+",Two,", customerID(3)+",Three,", customerID(4)+",Four,"))
		r := s.apply(upload{file: lines("customerId,panOrGstin,legalName,outstandingAmount",
			customerID(1)+",27AAPFU0939F1ZV,One,0.1",       // unchanged, counts
			customerID(2)+",27AAPFU0939F1ZO,Zwei,0.2",      // check character: one warning
			customerID(3)+",,Drei,-1250.7500",              // applied
			customerID(3)+",24AADCB2230M1Z2,Trois,",        // repeat and check character: one row with warnings
			customerID(4)+",369296450896540,,1000",         // fails: not summed
			customerID(4)+",27AAPFU0939F1ZV,,\"1,000.00\"", // fails: grouping
			customerID(9)+",27AAPFU0939F1ZO,,5",            // fails with a warning besides
		)})
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(r.raw, &keys); err != nil {
			t.Fatal(err)
		}
		want := "failureRequests failure_count failure_count_second_file failure_file_name failure_file_url successRequests success_count success_file_name success_file_url total_amount total_count warn_count"
		if got := strings.Join(slices.Sorted(maps.Keys(keys)), " "); got != want {
			t.Errorf("the keys are %s, want %s", got, want)
		}
		if r.Total != 7 || r.Success != 4 || r.Failure != 3 || r.Warn != 4 || r.SecondFile != 0 {
			t.Errorf("counts are %d, %d, %d, %d, %d: %s", r.Total, r.Success, r.Failure, r.Warn, r.SecondFile, r.raw)
		}
		if got := string(keys["total_amount"]); got != "-1250.45" {
			t.Errorf("total_amount is %s, want -1250.45", got)
		}
		if r.outcome != "partial" {
			t.Errorf("Bulk-Outcome is %q, want partial", r.outcome)
		}
		st := s.status(r.uploadID)
		if got := st.Upload.Counters; got != (counters{Total: 7, Applied: 3, Unchanged: 1, Failed: 3, Warned: 4}) {
			t.Errorf("the status counts %+v", got)
		}
	})
}

// TestOutcomeAndEmptyBuckets is the answer when a bucket is empty.
func TestOutcomeAndEmptyBuckets(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		good := s.create(lines("customerId,legalName", customerID(1)+",One"))
		bad := s.apply(upload{file: lines("customerId,pinCode", customerID(1)+",x", "KC1,560001")})
		if good.outcome != "complete" || good.SuccessFileURL == nil || good.FailureFileURL != nil || good.FailureFileName != nil {
			t.Errorf("a file of good rows has outcome %q: %s", good.outcome, good.raw)
		}
		if bad.outcome != "none" || bad.SuccessFileURL != nil || bad.SuccessFileName != nil || bad.FailureFileURL == nil {
			t.Errorf("a file of bad rows has outcome %q: %s", bad.outcome, bad.raw)
		}
		if string(bad.Amount) != "0" || !bytes.Contains(bad.raw, []byte(`"successRequests":[]`)) {
			t.Errorf("nothing is not 0 and []: %s", bad.raw)
		}
	})
}

// TestAmountIsExact sums what binary fractions cannot.
func TestAmountIsExact(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		file, made := "customerId,outstandingAmount\n", "customerId,legalName\n"
		for n := range 1000 {
			made += customerID(n) + ",Name\n"
			file += customerID(n) + ",99999999999999.0001\n" // unchanged rows count too
		}
		s.create(made)
		r := s.apply(upload{file: file})
		if r.Amount != "99999999999999000.1" || r.Success != 1000 {
			t.Errorf("the sum of %d rows is %s, want 99999999999999000.1 of 1000", r.Success, r.Amount)
		}
	})
}

// TestSamplesAreTheLowestHundredRows of each bucket, fewer past 256 KB.
func TestSamplesAreTheLowestHundredRows(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		file := "customerId,legalName,pinCode,remark\n"
		var success, failure []float64
		for n := range 400 {
			pin := "560001"
			if n%3 == 0 {
				pin = "x"
			}
			if n%3 == 0 && len(failure) < 100 {
				failure = append(failure, float64(n+1))
			}
			if n%3 != 0 && len(success) < 100 {
				success = append(success, float64(n+1))
			}
			file += fmt.Sprintf("%s,Name,%s,r\n", customerID(n), pin)
		}
		rows := func(list []rowReport) (numbers []float64) {
			for _, r := range list {
				n, _ := r["row"].(float64)
				numbers = append(numbers, n)
			}
			return numbers
		}
		r := s.apply(upload{isCreate: true, file: file})
		if !slices.Equal(rows(r.SuccessRequests), success) || !slices.Equal(rows(r.FailureRequests), failure) {
			t.Errorf("the samples are rows %v and %v", rows(r.SuccessRequests), rows(r.FailureRequests))
		}
		first := r.SuccessRequests[0]
		if _, has := first["remark"]; has || first["pinCode"] != "560001" || first["line"] != 3.0 || first["status"] != "applied" || first["customerId"] != customerID(1) {
			t.Errorf("a sample is %v", first)
		}

		long := "customerId,address,legalName,state\n"
		for n := range 100 {
			long += fmt.Sprintf("%s,%s,Name,%s\n", customerID(n), strings.Repeat("é", 1000), strings.Repeat("x", 3000))
		}
		r = s.apply(upload{file: long})
		if n := len(r.FailureRequests); r.Failure != 100 || n == 0 || n >= 100 {
			t.Errorf("of %d failures of 5 KB %d are listed, want fewer than 100", r.Failure, n)
		}
	})
}

// TestI6OneResponseEverywhere is I6: HTTP, status, events and the log carry the same
// bytes.
func TestI6OneResponseEverywhere(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName", customerID(1)+",One"))
		r := s.apply(upload{
			file:   lines("customerId,legalName,outstandingAmount", customerID(1)+",<A> & Söhne \u2028,1.50", "KC0,<b>,1"),
			header: headers("Idempotency-Key", "i6"),
		})
		same := func(where string, got []byte) {
			t.Helper()
			if !bytes.Equal(got, r.raw) {
				t.Errorf("the response of %s differs:\n%s\n%s", where, got, r.raw)
			}
		}
		check := func(when string) {
			same("the status "+when, s.status(r.uploadID).Response)
			replay := s.apply(upload{
				file:   lines("customerId,legalName,outstandingAmount", customerID(1)+",<A> & Söhne \u2028,1.50", "KC0,<b>,1"),
				header: headers("Idempotency-Key", "i6"),
			})
			same("the replay "+when, replay.raw)
			events := s.stream(r.uploadID, "")
			same("the events "+when, []byte(events[len(events)-1].Data))
			logged := s.events("bulk.responses", r.uploadID)
			if len(logged) == 0 {
				t.Fatal("bulk.responses does not have the response")
			}
			for _, e := range logged {
				payload, _ := e.value["payload"].([]byte)
				same("the log "+when, payload)
			}
		}
		eventually(t, "the response is on the log", func() bool { return len(s.events("bulk.responses", r.uploadID)) > 0 })
		check("at first")
		s.Restart()
		check("after a restart")
		if e := s.events("bulk.responses", r.uploadID)[0]; e.text("outcome") != "PARTIAL" || e.value["applied"] != int64(1) || e.text("totalAmount") != "1.5" {
			t.Errorf("the event beside the bytes says %v", e.value)
		}
	})
}

// TestFilesAndNamesOfStrangeUploads has file names that are no names of files.
func TestFilesAndNamesOfStrangeUploads(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		for name, want := range map[string]string{
			"../../etc/passwd":   "passwd-success.csv",
			"kunden ü.CSV":       "kunden ü-success.csv",
			".csv":               "upload-success.csv",
			"no extension":       "no extension-success.csv",
			"a\\\"b\\\".csv":     `a"b"-success.csv`,
			"data.tar.gz":        "data.tar-success.csv",
			`C:\Users\me\my.csv`: `C:\Users\me\my-success.csv`,
		} {
			r := s.final(s.send(upload{isCreate: true, name: name, file: lines("uniqueRefNo,legalName", name+",One")}))
			if r.SuccessFileName == nil || *r.SuccessFileName != want {
				t.Errorf("of %q the file is called %v, want %q", name, *r.SuccessFileName, want)
			}
			if a := s.get(*r.SuccessFileURL); a.status != http.StatusOK {
				t.Errorf("the file of %q answers %d", name, a.status)
			}
		}
	})
}
