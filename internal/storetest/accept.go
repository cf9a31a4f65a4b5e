package storetest

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

func acceptChecks() []check {
	return []check{
		{"accepted_upload_reads_back_whole", acceptedReadsBack},
		{"taken_key_returns_its_holder", takenKey},
		{"key_past_its_life_gives_way", oldKey},
		{"accepting_again_stores_once", acceptAgain},
		{"create_makes_its_company", createMakesCompany},
		{"one_of_many_calls_gets_the_key", raceForKey},
		{"unknown_things_are_not_found", unknownThings},
	}
}

func acceptedReadsBack(t *testing.T, s Store) {
	u := newUpload(t, companyA, 12)
	u.Kind = bulk.KindCreate
	u.Options = bulk.Options{OnRepeat: bulk.RepeatReject, EmptyCells: bulk.EmptyClear}
	u.FileName, u.SHA256, u.Size = "customers \"é\".csv", "ab12", 1<<40
	u.Header = []byte("customerId,\x00legal\xffName\r\n")
	u.Dialect = bulk.Dialect{Format: "csv", Encoding: "utf-8", BOM: true, Delimiter: ",", LineEnding: "crlf", Confidence: 0.75}
	u.Warnings = []customer.Issue{{Field: "x", Column: 3, Code: customer.UnknownColumn, Message: "m", Rejected: "r"}}
	u.IdempotencyKey, u.Fingerprint = "key 1", "print"
	got, isNew, err := s.Accept(t.Context(), u)
	must(t, err)
	equal(t, "isNew", isNew, true)
	for _, read := range []*bulk.Upload{got, readUpload(t, s, u.ID)} {
		read.ProgressAt = time.Time{} // free until something was counted
		if !reflect.DeepEqual(read, u) {
			t.Errorf("read back\n%+v, want\n%+v", read, u)
		}
	}
}

func takenKey(t *testing.T, s Store) {
	first := newUpload(t, companyA, 1)
	first.IdempotencyKey = "k"
	_, _, err := s.Accept(t.Context(), first)
	must(t, err)
	second := newUpload(t, companyA, 2)
	second.IdempotencyKey = "k"
	holder, isNew, err := s.Accept(t.Context(), second)
	must(t, err)
	equal(t, "isNew", isNew, false)
	equal(t, "holder", holder.ID, first.ID)
	_, err = s.Upload(t.Context(), second.ID)
	wantErr(t, err, bulk.ErrNotFound)
	byKey, err := s.UploadByKey(t.Context(), "", "k")
	must(t, err)
	equal(t, "upload by key", byKey.ID, first.ID)

	elsewhere := newUpload(t, companyB, 3)
	elsewhere.IdempotencyKey = "k"
	_, isNew, err = s.Accept(t.Context(), elsewhere)
	must(t, err)
	equal(t, "isNew in another company", isNew, false)

	other := newUpload(t, companyB, 4)
	other.IdempotencyKey, other.Caller = "k", "another caller"
	_, isNew, err = s.Accept(t.Context(), other)
	must(t, err)
	equal(t, "isNew of another caller", isNew, true)
}

func oldKey(t *testing.T, s Store) {
	old := newUpload(t, companyA, 1)
	old.IdempotencyKey, old.AcceptedAt = "k", time.Now().Add(-31*24*time.Hour)
	_, _, err := s.Accept(t.Context(), old)
	must(t, err)
	_, err = s.UploadByKey(t.Context(), "", "k")
	wantErr(t, err, bulk.ErrNotFound)
	young := newUpload(t, companyA, 1)
	young.IdempotencyKey = "k"
	_, isNew, err := s.Accept(t.Context(), young)
	must(t, err)
	equal(t, "isNew", isNew, true)
	byKey, err := s.UploadByKey(t.Context(), "", "k")
	must(t, err)
	equal(t, "upload by key", byKey.ID, young.ID)
}

func acceptAgain(t *testing.T, s Store) {
	for _, key := range []string{"", "k"} {
		u := newUpload(t, companyA, 1)
		u.IdempotencyKey = key
		for range 2 {
			got, isNew, err := s.Accept(t.Context(), u)
			must(t, err)
			equal(t, "upload", got.ID, u.ID)
			equal(t, "isNew", isNew, true)
		}
	}
	all, err := s.Uploads(t.Context(), companyA, "", 10)
	must(t, err)
	equal(t, "uploads", len(all), 2)
}

func createMakesCompany(t *testing.T, s Store) {
	for _, step := range []struct {
		kind bulk.Kind
		want bool
	}{{bulk.KindUpdate, false}, {bulk.KindCreate, true}, {bulk.KindCreate, true}} {
		u := newUpload(t, companyA, 1)
		u.Kind = step.kind
		_, _, err := s.Accept(t.Context(), u)
		must(t, err)
		exists, err := s.CompanyExists(t.Context(), companyA)
		must(t, err)
		equal(t, "company exists after "+string(step.kind), exists, step.want)
	}
	exists, err := s.CompanyExists(t.Context(), companyB)
	must(t, err)
	equal(t, "other company exists", exists, false)
}

func raceForKey(t *testing.T, s Store) {
	const calls = 8
	var wg sync.WaitGroup
	holders, isNew, errs := make([]string, calls), make([]bool, calls), make([]error, calls)
	for i := range calls {
		u := newUpload(t, companyA, 1)
		u.IdempotencyKey = "k"
		wg.Go(func() {
			got, first, err := s.Accept(t.Context(), u)
			if errs[i] = err; err == nil {
				holders[i], isNew[i] = got.ID, first
			}
		})
	}
	wg.Wait()
	winners := 0
	for i := range calls {
		must(t, errs[i])
		equal(t, "holder", holders[i], holders[0])
		if isNew[i] {
			winners++
		}
	}
	equal(t, "calls that stored", winners, 1)
}

func unknownThings(t *testing.T, s Store) {
	id := newUpload(t, companyA, 1).ID
	_, err := s.Upload(t.Context(), id)
	wantErr(t, err, bulk.ErrNotFound)
	_, err = s.UploadByKey(t.Context(), "", "k")
	wantErr(t, err, bulk.ErrNotFound)
	_, err = s.Response(t.Context(), id)
	wantErr(t, err, bulk.ErrNotFound)
	_, err = s.Response(t.Context(), accepted(t, s, companyA, 1).ID)
	wantErr(t, err, bulk.ErrNotFound)
	_, err = s.Customer(t.Context(), companyA, customerID(1))
	wantErr(t, err, bulk.ErrNotFound)
	_, err = s.BeginSplit(t.Context(), id, 1)
	wantErr(t, err, bulk.ErrNotFound)
	_, err = s.StoreResponse(t.Context(), &bulk.Response{Upload: id, Body: []byte("{}")})
	wantErr(t, err, bulk.ErrNotFound)
}
