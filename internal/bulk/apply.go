package bulk

import (
	"context"

	"sluice/internal/customer"
)

// CustomerKey names a customer by id or by reference within a company.
type CustomerKey struct {
	Company string
	Value   string
	ByRef   bool // Value is a uniqueRefNo, else a customerId
}

// StoredCustomer is what the store holds under a key. Version 0: nothing.
// Doc is the customer's encoded document (DocCodec), valid until decide returns.
type StoredCustomer struct {
	CustomerID string
	Version    int64
	Doc        []byte
}

// UploadMark is how far an upload has come on one partition of customer.updates.
type UploadMark struct {
	Known     bool // false: no such upload, or another company's cluster wrote it
	Company   string
	Final     bool // already answered: its rows change nothing
	Cancelled bool // its rows get the result unprocessed
	Last      int64
}

// ApplyBatch asks for one transaction over a batch of row events of one
// partition. Uploads and Keys are free of repeats.
type ApplyBatch struct {
	Source  Source
	From    int64 // next_offset must be this, else ErrMoved
	Next    int64 // and becomes this
	Seq     int64 // number of the journal row, if the batch makes one: the last of the source plus one, else ErrMoved
	Uploads []string
	Keys    []CustomerKey
	// Published, a journal number, is written as the published mark when above the stored one.
	Published int64
}

// ApplyView is what the store held when the batch began: Marks beside
// ApplyBatch.Uploads, Found beside ApplyBatch.Keys.
type ApplyView struct {
	Marks []UploadMark
	Found []StoredCustomer
}

// ApplyWrite is what the transaction is to write.
type ApplyWrite struct {
	Customers []CustomerWrite
	Marks     []MarkMove
	// Journal is the batch's encoded records (event.AppendJournal), compressed;
	// nil when the batch has none. JournalUploads are the uploads it speaks of.
	Journal        []byte
	JournalUploads []string
	Resend         []string // uploads with a gap: split and journal are sent again
}

// CustomerWrite is the final state of one customer after a batch. A customer
// stands at most once in a batch.
type CustomerWrite struct {
	Found       int // index in ApplyBatch.Keys where it was found; -1: new
	Company     string
	CustomerID  string
	OldVersion  int64 // 0: new
	Version     int64
	Doc         []byte
	Ref         string // uniqueRefNo; empty: none
	RefChanged  bool
	Name        string // legalName
	NameChanged bool
}

// MarkMove moves an upload's mark on the batch's partition, compare and swap.
type MarkMove struct {
	Upload   string
	From, To int64
}

// JournalRow is one applied batch: outbox, audit trail and before-images in one.
type JournalRow struct {
	Source Source
	Seq    int64 // from 1, without gaps within a source
	Body   []byte
}

// Progress is how far the owner of a source has come.
type Progress struct {
	Next      int64 // offset of the first record not yet applied
	Seq       int64 // number of the last journal row; 0: none
	Published int64 // number of the last journal row known to be on the log
}

// ApplyStore is the store under consumer/apply. Safe for concurrent use by
// owners of different partitions.
type ApplyStore interface {
	ProgressStore
	// Apply runs one transaction: it reads what the batch names, calls decide,
	// and writes what decide returns. All of it is durable when Apply returns nil,
	// and nothing of it is when it returns an error, save that an error from the
	// commit itself leaves the outcome unknown: read Progress again.
	// decide may be called more than once and must not keep what it is given.
	// ErrMoved: the batch does not begin at next_offset, or a mark was not where
	// decide saw it. *RefusedError: the store refuses some customers for good.
	Apply(ctx context.Context, b *ApplyBatch, decide func(*ApplyView) (*ApplyWrite, error)) error
	// Unpublished returns the journal rows of a source after a number, in order,
	// at most limit.
	Unpublished(ctx context.Context, s Source, after int64, limit int) ([]JournalRow, error)
	// MarkPublished moves the published mark forward, never back.
	MarkPublished(ctx context.Context, s Source, seq int64) error
}

// JournalStore reads the journal of one upload, to publish it again.
type JournalStore interface {
	// UploadJournal calls fn for each journal row that speaks of the upload, in
	// the order of each source.
	UploadJournal(ctx context.Context, uploadID string, fn func(JournalRow) error) error
}

// DocCodec turns a customer into the document that store, journal and events
// share, and back.
type DocCodec interface {
	// AppendCustomer appends the document of c to dst.
	AppendCustomer(dst []byte, c *customer.Customer) []byte
	// DecodeCustomer reads a document; strings may alias one copy of doc.
	DecodeCustomer(doc []byte, c *customer.Customer) error
}
