package split_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/customer"
)

func TestWhatBecomesOfRows(t *testing.T) {
	id := bulktest.CustomerID
	wide := strings.Repeat("x", 30_000)
	onRepeat := func(rule bulk.RepeatRule) func(*bulk.Upload) {
		return func(u *bulk.Upload) { u.Options.OnRepeat = rule }
	}
	isCreate := func(u *bulk.Upload) { u.Kind = bulk.KindCreate }
	twice := func() *bulktest.Table {
		return bulktest.NewTable("customerId", "pinCode").Row(id(1), "560001").Row(id(1), "560002").Row(id(2), "1").Row(id(2), "560003").Row(id(1), "1")
	}
	cases := []struct {
		name    string
		file    *bulktest.Table
		repeats []uint32
		options []func(*bulk.Upload)
		want    []string
	}{
		{
			"good_and_bad_rows",
			bulktest.NewTable("customerId", "pinCode", "ifsc").Row(id(1), "560001", "").Row(id(2), "56", "bad").Row("no id", "", "").Row("", "", "").Row(id(3), "", "").Row("", "560001", ""),
			nil, nil,
			[]string{"1 event", "2 failed INVALID_FORMAT INVALID_FORMAT", "3 failed INVALID_FORMAT", "4 event", "5 failed REQUIRED"},
		},
		{
			"last_repeat_wins", twice(),
			[]uint32{2, 4, 5},
			nil,
			[]string{"1 event", "2 event REPEATED_ROW", "3 failed INVALID_FORMAT", "4 event REPEATED_ROW", "5 failed INVALID_FORMAT REPEATED_ROW"},
		},
		{
			"first_repeat_wins", twice(),
			[]uint32{2, 4, 5},
			[]func(*bulk.Upload){onRepeat(bulk.RepeatFirstWins)},
			[]string{"1 event", "2 unchanged REPEATED_ROW", "3 failed INVALID_FORMAT", "4 unchanged REPEATED_ROW", "5 failed INVALID_FORMAT REPEATED_ROW"},
		},
		{
			"repeats_are_rejected", twice(),
			[]uint32{2, 4, 5},
			[]func(*bulk.Upload){onRepeat(bulk.RepeatReject)},
			[]string{"1 event", "2 failed REPEATED_ROW", "3 failed INVALID_FORMAT", "4 failed REPEATED_ROW", "5 failed INVALID_FORMAT REPEATED_ROW"},
		},
		{
			"ragged_rows",
			bulktest.NewTable("customerId", "pinCode").Raw(id(1)).Row(id(2), "", "x").Row(id(3), "", "").Row(id(4), "bad", "x").Row(id(5), "560001"),
			nil, nil,
			[]string{"1 failed MALFORMED_ROW", "2 failed MALFORMED_ROW", "3 event", "4 failed MALFORMED_ROW", "5 event"},
		},
		{
			"stray_quotes_and_bytes_that_are_no_text",
			bulktest.NewTable("customerId", "legalName", "pinCode").Raw(id(1)+",\"a\"b,1").Raw(id(2)+",\"open,1").Raw(id(3)+",\xff,560001").Raw(id(4)+",\xff,1").Row(id(5), "Asha", ""),
			nil, nil,
			[]string{"1 failed MALFORMED_ROW", "2 failed MALFORMED_ROW", "3 failed INVALID_TEXT", "4 failed INVALID_TEXT INVALID_FORMAT", "5 event"},
		},
		{
			"row_over_256_kb_fails_alone",
			bulktest.NewTable("customerId", "_a", "pinCode").Row(id(1), strings.Repeat("x", 300<<10), "1").Row(id(2), "", "560001"),
			nil, nil,
			[]string{"1 failed TOO_LONG", "2 event"},
		},
		{
			"cell_over_its_limit_fails_alone",
			bulktest.NewTable("customerId", "_a", "pinCode").Row(id(1), wide+wide, "560001").Row(id(2), wide+wide, "1").Row(id(3), wide, "560001"),
			nil, nil,
			[]string{"1 failed TOO_LONG", "2 failed TOO_LONG INVALID_FORMAT", "3 event"},
		},
		{
			"warnings_travel_with_the_event",
			bulktest.NewTable("customerId", "panOrGstin").Row(id(1), "27AAPFU0939F1ZO").Row(id(2), "bad").Row(id(3), "27AAPFU0939F1ZV"),
			nil, nil,
			[]string{"1 event CHECK_CHARACTER", "2 failed INVALID_FORMAT", "3 event"},
		},
		{
			"create_needs_a_name_and_an_identity",
			bulktest.NewTable("customerId", "legalName").Row(id(1), "Asha").Row(id(2), "").Row("", "Asha"),
			nil,
			[]func(*bulk.Upload){isCreate},
			[]string{"1 event", "2 failed REQUIRED", "3 failed REQUIRED"},
		},
		{
			"a_single_row", bulktest.NewTable("customerId").Row(id(1)), nil, nil, []string{"1 event"},
		},
		{
			"nothing_but_bad_rows", bulktest.NewTable("customerId").Row("a").Row("b"), nil, nil,
			[]string{"1 failed INVALID_FORMAT", "2 failed INVALID_FORMAT"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				options := append(c.options, func(u *bulk.Upload) { u.Counters.Total = int64(len(c.want)) })
				r.accept(bulktest.Upload, c.file, c.repeats, options...)
				r.splitAll()
				got := r.read(bulktest.Upload)
				if !slices.Equal(got.said(), c.want) {
					t.Errorf("got  %q\nwant %q", got.said(), c.want)
				}
				if _, err := r.store.ClaimJob(t.Context(), bulk.JobSplit, "rig", 1); !errors.Is(err, bulk.ErrNotFound) {
					t.Errorf("the job is left: %v", err)
				}
			})
		})
	}
}

// TestEncodedRowOver256KBFailsAlone: where the reader's limits are set higher, the
// event's own still holds.
func TestEncodedRowOver256KBFailsAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.options.Limits.MaxRowBytes, r.options.Limits.MaxCellChars = 1<<20, 100_000
		code := strings.Repeat("\U0001f600", customer.MaxBranchCodeChars)
		codes := strings.TrimSuffix(strings.Repeat(code+";", customer.MaxBranchCodes), ";")
		long := strings.Repeat("\U0001f600", 1_000)
		name := strings.Repeat("\U0001f600", 255)
		r.accept(bulktest.Upload, bulktest.NewTable("customerId", "branchCodes", "address", "legalName").
			Row(bulktest.CustomerID(1), codes, long, name).Row(bulktest.CustomerID(2), codes+code, "", "").
			Row(bulktest.CustomerID(3), "", long, name).Row(bulktest.CustomerID(4), codes, "", ""), nil)
		r.splitAll()
		got := r.read(bulktest.Upload)
		want := []string{"1 failed TOO_LONG", "2 failed TOO_LONG", "3 event", "4 event"}
		if !slices.Equal(got.said(), want) {
			t.Errorf("got  %q\nwant %q", got.said(), want)
		}
	})
}

func TestContentOfEvents(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		file := bulktest.NewTable("uniqueRefNo", "legalName", "outstandingAmount", "State").
			Row("", "", "", "").Row(" R1 ", "Asha\nTraders", "-2.5", "#NULL").Row("R2", "Bharat", "", "")
		r.accept(bulktest.Upload, file, nil, func(u *bulk.Upload) { u.Kind, u.Counters.Total = bulk.KindCreate, 2 })
		r.splitAll()
		got := r.read(bulktest.Upload)
		if len(got.rows) != 2 {
			t.Fatalf("there are %d rows", len(got.rows))
		}
		one, two := got.rows[0], got.rows[1]
		if one.Line != 3 || two.Line != 5 || one.Company != bulktest.Company || one.Kind != bulk.KindCreate || !one.ByRef || one.Identity != "R1" {
			t.Errorf("rows are %+v and %+v", one, two)
		}
		if one.CustomerID != customer.GenerateID(bulktest.Upload, 1) || two.CustomerID != customer.GenerateID(bulktest.Upload, 2) {
			t.Errorf("generated ids are %s and %s", one.CustomerID, two.CustomerID)
		}
		if ch := one.Changes[customer.UniqueRefNo]; ch.Action != customer.Set || ch.Value.Text != "R1" {
			t.Errorf("the reference is %+v", ch)
		}
		if one.Changes[customer.LegalName].Value.Text != "Asha\nTraders" || one.Changes[customer.State].Action != customer.Clear || one.Amount.String() != "-2.5" {
			t.Errorf("changes are %+v, amount %s", one.Changes, one.Amount)
		}
		if key := r.log.History(bulk.TopicUpdates)[0].Key; !strings.HasPrefix(string(key), bulktest.Company+"/R") {
			t.Errorf("the key is %s", key)
		}
	})
}

// TestUploadsThatCannotBeSplit keep their job; nothing that was not accepted is sent.
func TestUploadsThatCannotBeSplit(t *testing.T) {
	cases := []struct {
		name string
		harm func(r *rig)
	}{
		{"spool_is_gone", func(r *rig) { _ = r.files.Delete(context.Background(), bulk.SpoolName(bulktest.Upload)) }},
		{"spool_lost_a_row", func(r *rig) {
			r.files.Put(bulk.SpoolName(bulktest.Upload), bulktest.NewTable("customerId").Row(bulktest.CustomerID(1)).Bytes())
		}},
		{"topic_lost_partitions", func(r *rig) {
			if _, err := r.store.BeginSplit(context.Background(), bulktest.Upload, partitions+1); err != nil {
				r.t.Fatal(err)
			}
		}},
		{"partitions_cannot_be_counted", func(r *rig) {
			r.options.Partitions = func(context.Context) (int32, error) { return 0, errors.New("the log is away") }
		}},
		{"repeats_are_damaged", func(r *rig) { r.files.Put(bulk.RepeatsName(bulktest.Upload), []byte("junk")) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.accept(bulktest.Upload, bulktest.NewTable("customerId").Row(bulktest.CustomerID(1)).Row(bulktest.CustomerID(2)), nil)
				c.harm(r)
				r.splitAll()
				if got := r.read(bulktest.Upload); got.ends != nil {
					t.Errorf("the split ended with %v", got.ends)
				}
				bulktest.Rest(t.Context(), time.Minute)
				if _, err := r.store.ClaimJob(t.Context(), bulk.JobSplit, "rig", time.Second); err != nil {
					t.Errorf("the job is gone: %v", err)
				}
			})
		})
	}
}

func TestAnsweredUploadIsNotSplit(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.accept(bulktest.Upload, bulktest.NewTable("customerId").Row(bulktest.CustomerID(1)), nil)
		job, err := r.store.ClaimJob(t.Context(), bulk.JobSplit, "rig", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.store.StoreResponse(t.Context(), &bulk.Response{
			Upload: bulktest.Upload, Company: bulktest.Company,
			Kind: bulk.KindUpdate, Outcome: bulk.OutcomeNone, Body: []byte("{}"),
		}); err != nil {
			t.Fatal(err)
		}
		if err := r.doOnce(job); err != nil {
			t.Error(err)
		}
		if n := len(r.log.History(bulk.TopicUpdates)); n != 0 {
			t.Errorf("%d rows were sent", n)
		}
	})
}

// rows builds a file of n rows, every seventh bad.
func rows(n int) *bulktest.Table {
	file := bulktest.NewTable("customerId", "legalName", "pinCode")
	for i := range n {
		pin := "560001"
		if i%7 == 3 {
			pin = "bad"
		}
		file.Row(bulktest.CustomerID(i%(n/2+1)), fmt.Sprintf("Name \"%d\"", i), pin)
	}
	return file
}

func repeatsOf(n int) (out []uint32) {
	for i := n/2 + 1; i < n; i++ {
		out = append(out, uint32(i+1))
	}
	return out
}
