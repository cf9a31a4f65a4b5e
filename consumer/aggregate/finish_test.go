package aggregate_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/customer"
)

var update = flag.Bool("update", false, "write the golden files anew")

// counted makes an upload of a file whose rows have the given results, counted
// and ready to finish. The rows lie in three sources by turns.
func (r *rig) counted(file []byte, results []bulk.Result) {
	r.t.Helper()
	r.accept(bulktest.Upload, int64(len(results)))
	r.files.Put(bulk.SpoolName(bulktest.Upload), file)
	r.files.Put(bulk.RepeatsName(bulktest.Upload), []byte("repeats"))
	last := make([]int64, partitions+1)
	for i := range results {
		results[i].Row = int64(i + 1)
		source := int32(i % (partitions + 1))
		r.put(bulk.ResultBatch{
			Upload: bulktest.Upload, Company: bulktest.Company, Source: source,
			Prev: last[source], Last: results[i].Row, Results: results[i : i+1],
		})
		last[source] = results[i].Row
	}
	r.put(ends(int64(len(results)), last...))
	r.countAll()
	if s := r.upload(bulktest.Upload).State; s != bulk.StateFinishing {
		r.t.Fatalf("the upload is %s", s)
	}
}

func ok(customerID string) bulk.Result {
	return bulk.Result{Status: bulk.StatusApplied, CustomerID: customerID, Version: 2, Amount: customer.DecimalFromUnits(12_345)}
}

func failed(issues ...customer.Issue) bulk.Result {
	return bulk.Result{Status: bulk.StatusFailed, Errors: issues}
}

func issue(field, rejected string, code customer.Code) customer.Issue {
	return customer.Issue{Field: field, Rejected: rejected, Code: code, Message: "what to do about " + string(code)}
}

func warned(res bulk.Result, issues ...customer.Issue) bulk.Result {
	res.Warnings = issues
	return res
}

// TestGolden holds the result files and the response byte for byte.
func TestGolden(t *testing.T) {
	pin := issue("pinCode", "56", customer.InvalidFormat)
	cases := []struct {
		name    string
		file    string
		results []bulk.Result
	}{
		{
			"plain", "customerId,legalName,pinCode\nKC1,Asha,560001\nKC2,Bharat,56\nKC3,\"Chandra, \"\"C\"\"\",\n",
			[]bulk.Result{ok("KC1"), failed(pin, issue("", "", customer.NotFound)), warned(ok("KC3"), issue("customerId", "KC3", customer.RepeatedRow))},
		},
		{
			"bom_crlf_and_quoted_newline", "\ufeffcustomerId,address\r\nKC1,\"12, MG Road\r\nBengaluru\"\r\nKC2,\"a\nb\"\r\n",
			[]bulk.Result{ok("KC1"), failed(issue("address", "a\nb", customer.TooLong))},
		},
		{
			"formulas_are_made_inert", "customerId,legalName,contactNumber\nKC1,=1+1,+919876543210\nKC2,@x,\"-2,5\"\nKC3,'quoted,\tx\n",
			[]bulk.Result{ok("KC1"), failed(issue("legalName", "@x", customer.InvalidFormat)), ok("KC3")},
		},
		{
			"ragged_and_stray_quotes", "customerId,legalName,pinCode\nKC1,short\nKC2,a,b,one too many\nKC3,\"stray\"quote,560001\nKC4,,\n",
			[]bulk.Result{failed(issue("", "", customer.MalformedRow)), failed(issue("", "", customer.MalformedRow)), failed(issue("legalName", "", customer.MalformedRow)), ok("KC4")},
		},
		{
			"result_file_sent_again", "_row,_line,_code,customerId,legalName,_note\n2,3,X,KC1,'=Asha,'=mine\n7,8,Y,KC2,''Bharat,n\n",
			[]bulk.Result{ok("KC1"), failed(issue("legalName", "'Bharat", customer.TooLong))},
		},
		{
			"unprocessed_and_unchanged", "customerId,outstandingAmount\n\nKC1,10\n,\nKC2,20\nKC3,30\n",
			[]bulk.Result{{Status: bulk.StatusUnchanged, CustomerID: "KC1", Version: 1}, {Status: bulk.StatusUnprocessed}, {Status: bulk.StatusUnprocessed}},
		},
		{
			"by_reference_and_invalid_text", "uniqueRefNo,legalName\nR1,\xff\xfe\nR2,Asha\n",
			[]bulk.Result{failed(issue("legalName", "\ufffd", customer.InvalidText)), ok("KC9")},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.counted([]byte(c.file), c.results)
				if err := r.finish(bulktest.Upload); err != nil {
					t.Fatal(err)
				}
				var got bytes.Buffer
				for _, name := range r.files.Names() {
					fmt.Fprintf(&got, "== %s\n%s", name, r.files.Content(name))
				}
				fmt.Fprintf(&got, "== response\n%s\n", r.response().Body)
				wantGolden(t, c.name, got.Bytes())
			})
		})
	}
}

func wantGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func (r *rig) response() *bulk.Response {
	r.t.Helper()
	res, err := r.store.Response(r.t.Context(), bulktest.Upload)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

// TestResponseHasTwelveKeys in every response, also where nothing succeeded.
func TestResponseHasTwelveKeys(t *testing.T) {
	want := []string{
		"failureRequests", "failure_count", "failure_count_second_file", "failure_file_name", "failure_file_url", "successRequests",
		"success_count", "success_file_name", "success_file_url", "total_amount", "total_count", "warn_count",
	}
	for name, results := range map[string][]bulk.Result{
		"all_succeeded": {ok("KC1")}, "all_failed": {failed(issue("", "", customer.NotFound))}, "all_unprocessed": {{Status: bulk.StatusUnprocessed}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.counted([]byte("customerId\nKC1\n"), results)
				if err := r.finish(bulktest.Upload); err != nil {
					t.Fatal(err)
				}
				var keys map[string]json.RawMessage
				if err := json.Unmarshal(r.response().Body, &keys); err != nil {
					t.Fatal(err)
				}
				if got := slices.Sorted(maps.Keys(keys)); !slices.Equal(got, want) {
					t.Errorf("keys are %q", got)
				}
				for _, list := range []string{"successRequests", "failureRequests"} {
					if string(keys[list]) == "null" {
						t.Errorf("%s is null", list)
					}
				}
			})
		})
	}
}

// TestFinishingTwiceGivesTheSameBytes, also when the second has another clock, and
// whatever call failed in the first (I6).
func TestFinishingTwiceGivesTheSameBytes(t *testing.T) {
	errAway := errors.New("away")
	for _, op := range []string{"", "upload", "response", "chunks", "store-response", "drop-chunks", "publish", "create", "write", "commit", "open", "delete"} {
		t.Run("failing_"+op, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.counted([]byte("customerId\nKC1\nKC2\nKC3\n"), []bulk.Result{ok("KC1"), failed(issue("customerId", "KC2", customer.NotFound)), ok("KC3")})
				r.failing(op, errAway)
				first := r.finish(bulktest.Upload)
				if isFailing := op != "" && op != "response"; isFailing != (first != nil) {
					t.Errorf("the first time gave %v", first)
				}
				r.failing("", nil)
				before := r.snapshot()
				r.clock.Add(time.Hour)
				for range 2 {
					if err := r.finish(bulktest.Upload); err != nil {
						t.Fatal(err)
					}
				}
				after := r.snapshot()
				for name, content := range before {
					if !strings.HasPrefix(name, "spool/") && after[name] != content {
						t.Errorf("%s was %q and is %q", name, content, after[name])
					}
				}
				copies := r.log.Records(bulk.TopicResponses)
				for _, rec := range copies {
					if !bytes.Equal(rec.Value, r.codec.ResponseRecord(r.response()).Value) {
						t.Error("two copies of the response differ")
					}
				}
				if want := []string{"results/" + bulktest.Upload + "/failure.csv", "results/" + bulktest.Upload + "/success.csv"}; !slices.Equal(r.files.Names(), want) || len(copies) < 2 {
					t.Errorf("files are %q, and there are %d copies of the response", r.files.Names(), len(copies))
				}
				if r.files.Writing() != 0 {
					t.Errorf("%d files were begun and not ended", r.files.Writing())
				}
				for source := range int32(partitions + 1) {
					if left, err := r.store.Chunks(t.Context(), bulktest.Upload, source, 0, 1); err != nil || len(left) > 0 {
						t.Errorf("%d counted results of source %d are left: %v", len(left), source, err)
					}
				}
			})
		})
	}
}

// failing makes an operation of store, log or files fail.
func (r *rig) failing(op string, err error) {
	fail := func(called string) error {
		if called == op {
			return err
		}
		return nil
	}
	inner := r.store
	if s, isWrapped := inner.(*bulktest.Store); isWrapped {
		inner = s.Inner
	}
	r.store = wrap(inner, fail)
	r.files.Fail = func(called, _ string) error { return fail(called) }
	r.log.Fault = func([]bulk.Record) bulktest.PublishFault {
		if fail("publish") != nil {
			return bulktest.PublishBefore
		}
		return bulktest.PublishWell
	}
}

// snapshot is everything a caller can see.
func (r *rig) snapshot() map[string]string {
	out := map[string]string{}
	for _, name := range r.files.Names() {
		out[name] = string(r.files.Content(name))
	}
	if res, err := r.store.Response(r.t.Context(), bulktest.Upload); err == nil {
		out["response"] = string(res.Body)
	}
	return out
}

// TestResponseStoredFirstWins: two finish at once; both tell the one that was
// stored first.
func TestResponseStoredFirstWins(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.counted([]byte("customerId\nKC1\n"), []bulk.Result{ok("KC1")})
		plain := r.store
		first := &bulk.Response{Upload: bulktest.Upload, Company: bulktest.Company, Kind: bulk.KindUpdate, Outcome: bulk.OutcomeNone, Body: []byte(`{"first":true}`)}
		r.store = before(plain, "store-response", func() error {
			_, err := plain.StoreResponse(t.Context(), first)
			return err
		})
		if err := r.finish(bulktest.Upload); err != nil {
			t.Fatal(err)
		}
		var told bulk.Response
		if err := r.codec.DecodeResponse(r.log.Records(bulk.TopicResponses)[0].Value, &told); err != nil {
			t.Fatal(err)
		}
		if string(told.Body) != string(first.Body) || string(r.response().Body) != string(first.Body) {
			t.Errorf("told %s, stored %s", told.Body, r.response().Body)
		}
	})
}

// TestSamplesAreBounded: the lowest 100 rows of each bucket, fewer past 256 KB.
func TestSamplesAreBounded(t *testing.T) {
	for _, c := range []struct {
		name  string
		cell  string
		least int
		most  int
	}{{"by_rows", "Asha", 100, 100}, {"by_bytes", strings.Repeat("x", 8<<10), 20, 31}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				file := bulktest.NewTable("customerId", "legalName")
				var results []bulk.Result
				for i := range 240 {
					file.Row(bulktest.CustomerID(i), c.cell)
					if i%2 == 0 {
						results = append(results, ok(bulktest.CustomerID(i)))
					} else {
						results = append(results, failed(issue("legalName", "x", customer.TooLong)))
					}
				}
				r.counted(file.Bytes(), results)
				if err := r.finish(bulktest.Upload); err != nil {
					t.Fatal(err)
				}
				var body struct {
					Success, Failure []struct{ Row int64 }
				}
				text := strings.NewReplacer("successRequests", "Success", "failureRequests", "Failure").Replace(string(r.response().Body))
				if err := json.Unmarshal([]byte(text), &body); err != nil {
					t.Fatal(err)
				}
				for bucket, rows := range map[int64][]struct{ Row int64 }{1: body.Success, 2: body.Failure} {
					if len(rows) < c.least || len(rows) > c.most {
						t.Errorf("%d rows are listed, want %d to %d", len(rows), c.least, c.most)
					}
					for i, row := range rows {
						if row.Row != bucket+int64(2*i) {
							t.Errorf("row %d is listed at %d", row.Row, i)
						}
					}
				}
			})
		})
	}
}

// TestRowsMergeInFileOrder: cuts of sources that overlap and interleave give
// every row once, in file order.
func TestRowsMergeInFileOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		dice := bulktest.NewDice(3)
		const n = 500
		file := bulktest.NewTable("customerId")
		rows := make([][]int64, partitions+1)
		for i := range int64(n) {
			file.Row(bulktest.CustomerID(int(i)))
			s := dice.Intn(len(rows))
			rows[s] = append(rows[s], i+1)
		}
		r.accept(bulktest.Upload, n)
		r.files.Put(bulk.SpoolName(bulktest.Upload), file.Bytes())
		last := make([]int64, len(rows))
		for s, list := range rows {
			for from := 0; from < len(list); {
				to := min(len(list), from+dice.Between(1, 60))
				from = max(0, from-dice.Intn(10)) // a resend cuts the rows otherwise
				prev := int64(0)
				if from > 0 {
					prev = list[from-1]
				}
				r.put(applied(int32(s), prev, list[from:to]...))
				from = to
			}
			last[s] = list[len(list)-1]
		}
		r.put(ends(n, last...))
		r.countAll()
		if err := r.finish(bulktest.Upload); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(bytes.NewReader(r.files.Content(bulk.ResultName(bulktest.Upload, bulk.BucketSuccess)))).ReadAll()
		if err != nil || len(records) != n+1 {
			t.Fatalf("the file has %d lines: %v", len(records), err)
		}
		for i, rec := range records[1:] {
			if rec[0] != fmt.Sprint(i+1) || rec[len(rec)-1] != bulktest.CustomerID(i) || rec[7] != bulktest.CustomerID(i+1) {
				t.Fatalf("line %d is %q", i+2, rec)
			}
		}
	})
}

// TestMissingResultIsAnError: counters that do not fit the results never become
// an answer.
func TestMissingResultIsAnError(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.counted([]byte("customerId\nKC1\nKC2\n"), []bulk.Result{ok("KC1")})
		if err := r.finish(bulktest.Upload); err == nil {
			t.Fatal("it was answered")
		}
		if names := r.files.Names(); slices.Contains(names, bulk.ResultName(bulktest.Upload, bulk.BucketSuccess)) || r.files.Writing() != 0 {
			t.Errorf("files are %q, %d half written", names, r.files.Writing())
		}
		if _, err := r.store.Response(t.Context(), bulktest.Upload); !errors.Is(err, bulk.ErrNotFound) {
			t.Errorf("the response is there: %v", err)
		}
	})
}
