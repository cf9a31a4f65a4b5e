package bulk

import "context"

// AggregateBatch asks for one transaction over a batch of bulk.results.
type AggregateBatch struct {
	Source  Source
	From    int64 // next_offset must be this, else ErrMoved
	Next    int64
	Uploads []string // without repeats
}

// Tally is how far the counting of one upload has come.
type Tally struct {
	Known    bool
	Final    bool // nothing more is counted
	Company  string
	Rows     int64
	Sources  int // number of result sources; 0 until first split
	Counters Counters
	Marks    []int64 // last counted row per source
	Ends     []int64 // announced last row per source; nil until announced
}

// Complete reports whether every source has reached its announced end.
func (t *Tally) Complete() bool {
	if t.Ends == nil || len(t.Ends) != len(t.Marks) {
		return false
	}
	for i := range t.Ends {
		if t.Marks[i] != t.Ends[i] {
			return false
		}
	}
	return true
}

// ResultChunk is a stored piece of one source's results: the rows in
// (After, Last] of an encoded, compressed ResultBatch.
type ResultChunk struct {
	Upload string
	Source int32
	After  int64
	Last   int64
	Body   []byte
}

// AggregateWrite is what the transaction is to write.
type AggregateWrite struct {
	Tallies  []TallyWrite
	Chunks   []ResultChunk
	Resend   []string // uploads with a gap
	Complete []string // uploads whose rows all have a result: a finish job is made
}

// TallyWrite is the new tally of an upload.
type TallyWrite struct {
	Upload string
	Tally  Tally
}

// AggregateStore is the store under consumer/aggregate's counting.
type AggregateStore interface {
	ProgressStore
	// Aggregate runs one transaction like ApplyStore.Apply. Tallies are given
	// beside AggregateBatch.Uploads.
	Aggregate(ctx context.Context, b *AggregateBatch, decide func([]Tally) (*AggregateWrite, error)) error
	// FlagStalled flags unfinished uploads that stood still for the given number
	// of seconds and returns how many; an upload is flagged at most once in that time.
	FlagStalled(ctx context.Context, seconds int) (int, error)
}

// FinishStore is the store under consumer/aggregate's finishing.
type FinishStore interface {
	Upload(ctx context.Context, uploadID string) (*Upload, error)
	// Response returns the stored response; ErrNotFound.
	Response(ctx context.Context, uploadID string) (*Response, error)
	// Chunks returns chunks of one source in row order, those with Last above
	// after, at most limit.
	Chunks(ctx context.Context, uploadID string, source int32, after int64, limit int) ([]ResultChunk, error)
	// StoreResponse stores the response if the upload has none and returns the
	// stored one, which is the only one that may be told to anybody. It moves the
	// upload to finished in the same transaction.
	StoreResponse(ctx context.Context, r *Response) (*Response, error)
	// DropChunks deletes the chunks of a finished upload. Safe to repeat.
	DropChunks(ctx context.Context, uploadID string) error
}
