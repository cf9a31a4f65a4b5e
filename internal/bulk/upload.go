package bulk

import (
	"path"
	"strings"
	"time"

	"sluice/internal/customer"
)

// Kind says which call made an upload.
type Kind string

// The kinds of upload.
const (
	KindUpdate Kind = "update"
	KindCreate Kind = "create"
)

// State is where an upload stands. Finished appears together with the response.
type State string

// The states, in the order an upload passes them.
const (
	StateAccepted  State = "accepted"  // stored, not one row split yet
	StateRunning   State = "running"   // rows are on their way
	StateFinishing State = "finishing" // every row has its result; files are being written
	StateFinished  State = "finished"  // the response is stored
)

// IsFinal reports whether the upload has its response and can change no more.
func (s State) IsFinal() bool { return s == StateFinished }

// RepeatRule says what happens to a row whose identity stood in an earlier row.
type RepeatRule string

// The rules for repeats.
const (
	RepeatLastWins  RepeatRule = "lastWins"  // every row applies, in order (default)
	RepeatFirstWins RepeatRule = "firstWins" // a repeat succeeds as unchanged
	RepeatReject    RepeatRule = "reject"    // a repeat fails
)

// EmptyRule says what an empty cell asks for.
type EmptyRule string

// The rules for empty cells.
const (
	EmptyLeave EmptyRule = "leave" // keep the stored value (default)
	EmptyClear EmptyRule = "clear" // clear the stored value
)

// Options are what the caller asked for beside the file. The zero value is not
// valid: use DefaultOptions.
type Options struct {
	OnRepeat   RepeatRule `json:"onRepeat"`
	EmptyCells EmptyRule  `json:"emptyCells"`
}

// DefaultOptions returns the options of a call that names none.
func DefaultOptions() Options {
	return Options{OnRepeat: RepeatLastWins, EmptyCells: EmptyLeave}
}

// RuleVersion is the version of the rules that make a row event out of a row.
// An upload keeps the version it was accepted under: making a row again must
// give the same bytes.
const RuleVersion = 1

// Dialect is how the file was read.
type Dialect struct {
	Format     string  `json:"format"`
	Encoding   string  `json:"encoding"`
	BOM        bool    `json:"bom"`
	Delimiter  string  `json:"delimiter"`
	LineEnding string  `json:"lineEnding"`
	Confidence float64 `json:"confidence"`
}

// Counters count the rows of an upload that have a result.
type Counters struct {
	Total       int64 // data rows of the file
	Applied     int64
	Unchanged   int64
	Failed      int64
	Unprocessed int64
	Warned      int64            // rows with a warning, in whatever bucket
	Amount      customer.Decimal // sum of outstandingAmount over applied and unchanged rows
}

// Done returns the number of rows that have a result.
func (c Counters) Done() int64 { return c.Applied + c.Unchanged + c.Failed + c.Unprocessed }

// Success returns the number of rows that count as succeeded.
func (c Counters) Success() int64 { return c.Applied + c.Unchanged }

// Bucket returns the number of rows that ended in a bucket.
func (c Counters) Bucket(b Bucket) int64 {
	switch b {
	case BucketSuccess:
		return c.Success()
	case BucketFailure:
		return c.Failed
	case BucketUnprocessed:
		return c.Unprocessed
	}
	return 0
}

// Upload is one accepted file.
type Upload struct {
	ID       string // UUID version 7: sorts by time of acceptance
	Company  string
	Kind     Kind
	Options  Options
	FileName string // a label from the client, never a path
	SHA256   string // of the file's bytes, lower-case hexadecimal
	Size     int64  // bytes
	Header   []byte // the header record as in the file
	Dialect  Dialect
	Warnings []customer.Issue // of the file as a whole
	Rules    int              // RuleVersion at acceptance

	IdempotencyKey string // empty: none
	// Caller is who sent the upload: idempotency keys are each caller's own. Empty:
	// the one caller of a server without access control. Not read back.
	Caller      string
	Fingerprint string // of call, company, options and bytes

	// Partitions is the partition count of customer.updates when the upload was
	// first split; 0 before. It is kept to the upload's end, also when the topic grows.
	Partitions int32

	State      State
	Counters   Counters
	AcceptedAt time.Time
	FinishedAt time.Time // zero until finished
	// ProgressAt is when the last result was counted; an upload that stands
	// still for a minute is sent again.
	ProgressAt time.Time
	Owner      string // process that holds the upload's leased job now; empty: none
}

// SourceCount returns the number of result sources of the upload: one for each
// partition of customer.updates, and the split, which answers for rejected rows.
func (u *Upload) SourceCount() int { return int(u.Partitions) + 1 }

// SplitSource returns the result source of rows rejected at the split.
func (u *Upload) SplitSource() int32 { return u.Partitions }

// SpoolName returns the name of the upload's file in the file store.
func SpoolName(uploadID string) string { return "spool/" + uploadID + ".csv" }

// RepeatsName returns the name of the set of repeated rows beside the spool.
func RepeatsName(uploadID string) string { return "spool/" + uploadID + ".repeats" }

// ResultName returns the name of a result file in the file store.
func ResultName(uploadID string, bucket Bucket) string {
	return "results/" + uploadID + "/" + string(bucket) + ".csv"
}

// ResultFileName returns the name of a result file as a caller sees it: that of
// the file sent, with the bucket before its extension.
func ResultFileName(sent string, b Bucket) string {
	name := strings.TrimSuffix(sent, path.Ext(sent))
	if name == "" {
		name = "upload"
	}
	return name + "-" + string(b) + ".csv"
}

// Bucket is one of the three places a row can end in.
type Bucket string

// The buckets.
const (
	BucketSuccess     Bucket = "success"
	BucketFailure     Bucket = "failure"
	BucketUnprocessed Bucket = "unprocessed"
)
