package apply_test

import (
	"bytes"
	"slices"
	"testing"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/customer"
)

const otherUpload = "01900000-0000-7000-8000-000000000002"

func TestDelivery(t *testing.T) {
	row := bulktest.Row
	first, second, third := row(at(1, 0), state("Goa")), row(at(2, 1), state("Kerala")), row(at(3, 2), state("Goa"))
	cases := []struct {
		name     string
		rows     []bulk.Row
		results  []string
		version  int64 // of customer 1, which begins at 1
		isResent bool
	}{
		{"row_comes_once", []bulk.Row{first}, []string{"1 applied"}, 2, false},
		{"redelivered_row_counts_once", []bulk.Row{first, first, second, first, second, third}, []string{"1 applied", "2 applied", "3 applied"}, 4, false},
		{"row_behind_a_gap_is_dropped_and_flags_resend", []bulk.Row{first, third}, []string{"1 applied"}, 2, true},
		{"first_row_missing_is_a_gap", []bulk.Row{second}, nil, 1, true},
		{"resent_rows_close_the_gap", []bulk.Row{first, third, first, second, third}, []string{"1 applied", "2 applied", "3 applied"}, 4, true},
		{"unknown_upload_changes_nothing", []bulk.Row{row(at(1, 0), bulktest.Of("nobody"), state("Goa"))}, nil, 1, false},
		{"row_of_another_company_changes_nothing", []bulk.Row{row(at(1, 0), bulktest.In("CEK0000002"), state("Goa")), first}, []string{"1 applied"}, 2, false},
	}
	for _, c := range cases {
		for _, batch := range []int{100, 1} {
			t.Run(c.name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, r *rig) {
					r.seed(1)
					r.rows = batch
					r.accept(bulktest.Upload)
					r.put(c.rows...)
					r.applyAll()
					r.wantResults(bulktest.Upload, c.results...)
					if v := r.customer(1).Version; v != c.version {
						t.Errorf("the customer has version %d, want %d", v, c.version)
					}
					for _, kind := range []bulk.JobKind{bulk.JobSplit, bulk.JobRepublish} {
						if got := r.hasJob(kind, bulktest.Upload); got != c.isResent {
							t.Errorf("a %s job is there: %v, want %v", kind, got, c.isResent)
						}
					}
				})
			})
		}
	}
}

// TestResultsCoverTheRange holds the aggregator's view: ranges follow each other.
func TestResultsCoverTheRange(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.rows = 2
		r.accept(bulktest.Upload)
		r.put(bulktest.Row(at(2, 0)), bulktest.Row(at(3, 2)), bulktest.Row(at(7, 3)))
		r.applyAll()
		prev := int64(0)
		for _, rec := range r.log.Records(bulk.TopicResults) {
			var b bulk.ResultBatch
			if err := r.codec.DecodeResults(rec.Value, &b); err != nil {
				t.Fatal(err)
			}
			if b.Prev != prev || b.Last != b.Results[len(b.Results)-1].Row || b.Source != 0 || b.Company != bulktest.Company {
				t.Errorf("range is (%d, %d] of source %d, the last ended at %d", b.Prev, b.Last, b.Source, prev)
			}
			prev = b.Last
		}
		if prev != 7 {
			t.Errorf("the last range ends at %d", prev)
		}
	})
}

func TestRowOfAnAnsweredUploadChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.seed(1)
		r.accept(bulktest.Upload)
		_, err := r.store.StoreResponse(t.Context(), &bulk.Response{
			Upload: bulktest.Upload, Company: bulktest.Company,
			Kind: bulk.KindUpdate, Outcome: bulk.OutcomeNone, Body: []byte("{}"),
		})
		if err != nil {
			t.Fatal(err)
		}
		r.put(bulktest.Row(at(1, 0), state("Goa")), bulktest.Row(at(9, 8), state("Goa")))
		r.applyAll()
		r.wantResults(bulktest.Upload)
		if v := r.customer(1).Version; v != 1 || r.hasJob(bulk.JobSplit, bulktest.Upload) {
			t.Errorf("the customer has version %d, or the upload is sent again", v)
		}
	})
}

// TestPoison shows I9: a record nobody can read is set aside, its row fails if it
// is known, and its neighbours do not notice.
func TestPoison(t *testing.T) {
	spoil := func(rec *bulk.Record) { rec.Value = []byte("poison") }
	forget := func(rec *bulk.Record) { rec.Headers = nil }
	cases := []struct {
		name    string
		harm    []func(*bulk.Record) // of the record of row 2
		results []string
	}{
		{"with_known_row_fails_it", []func(*bulk.Record){spoil}, []string{"1 applied", "2 failed UNREADABLE_EVENT", "3 applied"}},
		// Nobody knows which row it was: what is behind it looks like a gap.
		{"without_known_row_is_only_set_aside", []func(*bulk.Record){spoil, forget}, []string{"1 applied"}},
		{"tombstone_with_known_row_fails_it", []func(*bulk.Record){func(rec *bulk.Record) { rec.Value = nil }}, []string{"1 applied", "2 failed UNREADABLE_EVENT", "3 applied"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.seed(2)
				r.accept(bulktest.Upload)
				r.accept(otherUpload)
				rows := []bulk.Row{bulktest.Row(at(1, 0), state("Goa")), bulktest.Row(at(2, 1), state("Kerala")), bulktest.Row(at(3, 2), state("Assam"))}
				records := make([]bulk.Record, 3)
				for i := range rows {
					records[i] = r.codec.RowRecord(nil, &rows[i], 0)
				}
				for _, harm := range c.harm {
					harm(&records[1])
				}
				r.putRecords(records...)
				r.put(bulktest.Row(bulktest.Of(otherUpload), at(1, 0), about(2), state("Goa")))
				r.applyAll()
				r.wantResults(bulktest.Upload, c.results...)
				r.wantResults(otherUpload, "1 applied")
				letters := r.log.Records(bulk.TopicDeadLetters)
				if len(letters) != 1 || !bytes.Equal(letters[0].Value, records[1].Value) || !bytes.Equal(letters[0].Key, records[1].Key) {
					t.Fatalf("dead letters are %+v", letters)
				}
				if string(letters[0].HeaderValue("topic")) != bulk.TopicUpdates || len(letters[0].HeaderValue("reason")) == 0 {
					t.Errorf("the dead letter's headers are %v", letters[0].Headers)
				}
			})
		})
	}
}

func TestPoisonOfAnUnknownUploadGivesNoResult(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		row := bulktest.Row(at(1, 0), state("Goa"))
		bad := r.codec.RowRecord(nil, &row, 0)
		bad.Value = []byte("poison")
		r.putRecords(bad)
		r.applyAll()
		r.wantResults(bulktest.Upload)
		if n := len(r.log.Records(bulk.TopicDeadLetters)); n != 1 {
			t.Errorf("there are %d dead letters", n)
		}
	})
}

func TestRedeliveredPoisonFailsItsRowOnce(t *testing.T) {
	inBubble(t, func(_ *testing.T, r *rig) {
		r.seed(1)
		r.accept(bulktest.Upload)
		row := bulktest.Row(at(1, 0), state("Goa"))
		bad := r.codec.RowRecord(nil, &row, 0)
		bad.Value = bad.Value[:len(bad.Value)-1]
		r.putRecords(bad, bad)
		r.put(row, bulktest.Row(at(2, 1), state("Goa")))
		r.applyAll()
		r.wantResults(bulktest.Upload, "1 failed UNREADABLE_EVENT", "2 applied")
	})
}

// TestCompaniesAreApart shows I10: two companies hold the same customerIds and
// references, in one partition and one batch.
func TestCompaniesAreApart(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		const companyB, uploadB = "CEK0000002", "01900000-0000-7000-8000-00000000000b"
		inB := []bulktest.RowOption{bulktest.In(companyB), bulktest.Of(uploadB), create, name}
		r.seed(2)
		r.accept(bulktest.Upload)
		r.accept(uploadB, func(u *bulk.Upload) { u.Company, u.Kind = companyB, bulk.KindCreate })
		r.put(
			bulktest.Row(at(1, 0), state("Goa"), setRef("R9")),
			bulktest.Row(append(slices.Clone(inB), at(1, 0), setRef("R9"))...),
			bulktest.Row(append(slices.Clone(inB), at(2, 1), about(2), setRef("R1"), state("Kerala"))...),
			bulktest.Row(at(2, 1), bulktest.ByRef("R2"), state("Assam")),
		)
		r.applyAll()
		r.wantResults(bulktest.Upload, "1 applied", "2 applied")
		r.wantResults(uploadB, "1 applied", "2 applied")
		b, err := r.read.Customer(t.Context(), companyB, bulktest.CustomerID(2))
		if err != nil {
			t.Fatal(err)
		}
		if b.Values[customer.State].Text != "Kerala" || r.customer(2).Values[customer.State].Text != "Assam" {
			t.Error("a customer of one company has what the other sent")
		}
		for _, rec := range r.log.Records(bulk.TopicChanges) {
			var c bulk.Change
			if err := r.codec.DecodeChange(rec.Value, &c); err != nil {
				t.Fatal(err)
			}
			if (c.Upload == uploadB) != (c.Company == companyB) || !bytes.HasPrefix(rec.Key, []byte(c.Company+"/")) {
				t.Errorf("change %s/%d is of company %s under key %s", c.Upload, c.Row, c.Company, rec.Key)
			}
		}
	})
}
