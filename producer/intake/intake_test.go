package intake_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/customer"
)

func TestAcceptedUpload(t *testing.T) {
	r := newRig(t)
	table := bulktest.NewTable("Customer ID", "legal_name", "Remarks", "_note").
		Row(bulktest.CustomerID(1), "Asha", "x", "").Row("", "", "", "").Row(bulktest.CustomerID(2), "a\nb", "", "")
	table.BOM, table.EOL = true, "\r\n"
	file := table.Bytes()
	q := keyed("a key")
	q.Options.OnRepeat = bulk.RepeatReject
	u, isNew := r.take(q, file)
	sum := sha256.Sum256(file)
	want := bulk.Dialect{Format: "csv", Encoding: "UTF-8", BOM: true, Delimiter: ",", LineEnding: "CRLF", Confidence: u.Dialect.Confidence}
	switch {
	case !isNew, u.Company != bulktest.Company, u.Kind != bulk.KindCreate, u.Options != q.Options, u.FileName != "customers.csv":
		t.Errorf("the upload is %+v", u)
	case u.SHA256 != hex.EncodeToString(sum[:]), u.Size != int64(len(file)), u.Counters.Total != 2:
		t.Errorf("sum %s, size %d, rows %d", u.SHA256, u.Size, u.Counters.Total)
	case u.Dialect != want, string(u.Header) != "Customer ID,legal_name,Remarks,_note", u.Rules != bulk.RuleVersion:
		t.Errorf("dialect %+v, header %q", u.Dialect, u.Header)
	case len(u.Warnings) != 1, u.Warnings[0].Code != customer.UnknownColumn, u.State != bulk.StateAccepted:
		t.Errorf("warnings %v, state %s", u.Warnings, u.State)
	}
	if got := r.files.Content(bulk.SpoolName(u.ID)); !bytes.Equal(got, file) {
		t.Errorf("the spool is %q", got)
	}
	if names := r.files.Names(); len(names) != 1 {
		t.Errorf("without a repeat the files are %q", names)
	}
	job, err := r.store.ClaimJob(t.Context(), bulk.JobSplit, "rig", 1)
	if err != nil || job.Upload != u.ID || !slices.Equal(r.accepted, []string{u.ID}) {
		t.Errorf("split job %+v, %v; told of %q", job, err, r.accepted)
	}
	if exists, err := r.store.CompanyExists(t.Context(), bulktest.Company); err != nil || !exists {
		t.Errorf("the company exists: %v, %v", exists, err)
	}
}

// TestRefusals shows I4, one case for each way a file is refused.
func TestRefusals(t *testing.T) {
	good := "customerId,legalName\n" + bulktest.CustomerID(1) + ",Asha\n"
	cases := []struct {
		name   string
		want   bulk.RefusalReason
		file   string
		change func(r *rig, q *bulk.IntakeRequest)
	}{
		{name: "empty_file", want: bulk.RefusedFile, file: ""},
		{name: "blank_lines_only", want: bulk.RefusedFile, file: "\n\n \n"},
		{name: "header_only", want: bulk.RefusedFile, file: "customerId,legalName\n\n,\n"},
		{name: "no_identity_column", want: bulk.RefusedFile, file: "legalName\nAsha\n"},
		{name: "duplicate_column", want: bulk.RefusedFile, file: "customerId,pinCode,PIN code\n1,2,3\n"},
		{name: "header_over_its_limit", want: bulk.RefusedFile, file: "customerId," + strings.Repeat("x", 1<<20) + "\n1,2\n"},
		{name: "header_with_an_open_quote", want: bulk.RefusedFile, file: "customerId,\"legalName\n1,2\n"},
		{name: "binary_file", want: bulk.RefusedFormat, file: "PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00"},
		{name: "another_encoding", want: bulk.RefusedFormat, file: "\xff\xfec\x00u\x00s\x00t\x00"},
		{name: "too_many_columns", want: bulk.RefusedSize, file: "customerId" + strings.Repeat(",_x", 500) + "\n1\n"},
		{
			name: "too_many_rows", want: bulk.RefusedSize, file: "customerId\n" + strings.Repeat("1\n", 101),
			change: func(r *rig, _ *bulk.IntakeRequest) { r.options.Limits.MaxRows = 100 },
		},
		{
			name: "too_many_bytes", want: bulk.RefusedSize, file: good,
			change: func(r *rig, _ *bulk.IntakeRequest) { r.options.MaxBytes = int64(len(good)) - 1 },
		},
		{
			name: "unknown_company", want: bulk.RefusedCompany, file: good,
			change: func(_ *rig, q *bulk.IntakeRequest) { q.Kind = bulk.KindUpdate },
		},
		{
			name: "disk_full_at_the_spool", want: bulk.RefusedDiskFull, file: good,
			change: func(r *rig, _ *bulk.IntakeRequest) { r.files.Room = 10 },
		},
		{
			name: "disk_full_at_the_repeats", want: bulk.RefusedDiskFull, file: "customerId\n1\n1\n",
			change: func(r *rig, _ *bulk.IntakeRequest) { r.files.Room = 16 },
		},
		{
			name: "disk_full_at_the_commit", want: bulk.RefusedDiskFull, file: good,
			change: func(r *rig, _ *bulk.IntakeRequest) { r.files.Fail = failOn("commit", bulk.ErrNoSpace) },
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			q := request()
			if c.change != nil {
				c.change(r, &q)
			}
			r.options = r.sorting(1)
			_, err := r.stage(q, strings.NewReader(c.file))
			wantRefusal(t, err, c.want)
			r.wantNothingLeft()
		})
	}
}

func failOn(op string, err error) func(string, string) error {
	return func(called, _ string) error {
		if called == op {
			return err
		}
		return nil
	}
}

// TestLimitsAreNotOffByOne: what is exactly at a limit is taken.
func TestLimitsAreNotOffByOne(t *testing.T) {
	r := newRig(t)
	file := "customerId\n" + strings.Repeat("1\n", 100)
	r.options.Limits.MaxRows, r.options.MaxBytes = 100, int64(len(file))
	if u, _ := r.take(request(), []byte(file)); u.Counters.Total != 100 {
		t.Errorf("%d rows were accepted", u.Counters.Total)
	}
}

// TestBodyThatEndsEarly is refused wherever it ends, and leaves nothing.
func TestBodyThatEndsEarly(t *testing.T) {
	file := []byte("customerId,legalName\n" + bulktest.CustomerID(1) + ",Asha\n" + bulktest.CustomerID(1) + ",\"Bharat\"\n")
	r := newRig(t)
	for _, end := range []error{io.ErrUnexpectedEOF, errors.New("connection reset")} {
		for n := range len(file) + 1 {
			body := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(end))
			_, err := r.stage(request(), body)
			wantRefusal(t, err, bulk.RefusedAborted)
			r.wantNothingLeft()
		}
	}
}

func TestBodyInSmallPieces(t *testing.T) {
	r := newRig(t)
	file := []byte("customerId,legalName\n" + strings.Repeat(bulktest.CustomerID(1)+",Asha\n", 50))
	s, err := r.stage(request(), iotest.DataErrReader(iotest.OneByteReader(bytes.NewReader(file))))
	if err != nil {
		t.Fatal(err)
	}
	u, _, err := s.Accept(t.Context())
	if err != nil || u.Counters.Total != 50 || !bytes.Equal(r.files.Content(bulk.SpoolName(u.ID)), file) {
		t.Errorf("%d rows were accepted: %v", u.Counters.Total, err)
	}
}

// TestErrorsOfFiles: whatever call fails, nothing is accepted and nothing left.
func TestErrorsOfFiles(t *testing.T) {
	for _, op := range []string{"create", "write", "commit"} {
		for nth := 1; nth <= 2; nth++ { // the spool, then the set of repeats
			t.Run(fmt.Sprintf("%s_%d", op, nth), func(t *testing.T) {
				r := newRig(t)
				calls := 0
				r.files.Fail = func(called, _ string) error {
					if called == op {
						if calls++; calls == nth {
							return errors.New("disk failure")
						}
					}
					return nil
				}
				_, err := r.stage(request(), strings.NewReader("customerId\n1\n1\n"))
				var refusal *bulk.Refusal
				if err == nil || errors.As(err, &refusal) {
					t.Fatalf("the error is %v, want a fault of ours", err)
				}
				r.wantNothingLeft()
			})
		}
	}
}

func TestDiscardedFileLeavesNothing(t *testing.T) {
	r := newRig(t)
	s, err := r.stage(request(), strings.NewReader("customerId\n1\n1\n"))
	if err != nil {
		t.Fatal(err)
	}
	s.Discard(t.Context())
	s.Discard(t.Context())
	r.wantNothingLeft()
}

// TestAcceptFailure: the outcome is unknown, so what an accepted upload would need
// stays; and the same call again gets the first upload if there is one.
func TestAcceptFailure(t *testing.T) {
	for _, isAfter := range []bool{false, true} {
		t.Run(fmt.Sprintf("after_effect_%v", isAfter), func(t *testing.T) {
			r := newRig(t)
			file := []byte("customerId\n1\n1\n")
			errStore := errors.New("the store is away")
			r.options.Store = before(r.store, "accept", func(call func() error) error {
				if isAfter {
					return errors.Join(call(), errStore)
				}
				return errStore
			})
			s, err := r.stage(keyed("k"), bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err = s.Accept(t.Context()); !errors.Is(err, errStore) {
				t.Fatalf("accepting gave %v", err)
			}
			s.Discard(t.Context())
			if n := len(r.files.Names()); n != 2 {
				t.Errorf("%d files are there, want spool and repeats", n)
			}
			r.options.Store = r.store
			u, isNew := r.take(keyed("k"), file)
			if isNew == isAfter {
				t.Errorf("the second call is new: %v", isNew)
			}
			if r.files.Content(bulk.SpoolName(u.ID)) == nil || r.files.Content(bulk.RepeatsName(u.ID)) == nil {
				t.Errorf("of upload %s the files are %q", u.ID, r.files.Names())
			}
		})
	}
}
