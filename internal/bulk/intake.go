package bulk

import (
	"context"
	"time"

	"sluice/internal/customer"
)

// IntakeStore is the store under the producer's acceptance.
type IntakeStore interface {
	// CompanyExists reports whether the company was ever created.
	CompanyExists(ctx context.Context, company string) (bool, error)
	// UploadByKey returns the upload made under an idempotency key of a caller;
	// ErrNotFound when there is none younger than the key's life.
	UploadByKey(ctx context.Context, caller, key string) (*Upload, error)
	// Accept stores an upload, its split job and, for a create, its company in one
	// transaction: when it returns, the upload is durable and never refused. When
	// the key is taken it stores nothing and returns the holder.
	Accept(ctx context.Context, u *Upload) (accepted *Upload, isNew bool, err error)
}

// ReadStore answers the questions of callers.
type ReadStore interface {
	// Upload returns an upload with its counters; ErrNotFound.
	Upload(ctx context.Context, uploadID string) (*Upload, error)
	// Uploads lists the uploads of a company (all companies when empty), newest
	// first, from before the given upload id (empty: from the newest).
	Uploads(ctx context.Context, company, before string, limit int) ([]Upload, error)
	// Response returns the stored response; ErrNotFound until the upload is final.
	Response(ctx context.Context, uploadID string) (*Response, error)
	// FinalUploads returns those of the given uploads that have a response.
	FinalUploads(ctx context.Context, uploadIDs []string) ([]string, error)
	// Customer returns one customer; ErrNotFound.
	Customer(ctx context.Context, company, customerID string) (*customer.Customer, error)
	// SearchCustomers lists customers of a company in id order.
	SearchCustomers(ctx context.Context, q CustomerQuery) ([]customer.Customer, error)
	// OldestUnfinished returns the acceptance time of the oldest upload without a
	// response; ok is false when there is none.
	OldestUnfinished(ctx context.Context) (at time.Time, ok bool, err error)
	// UnpublishedJournal counts journal rows not yet on the log of a cluster.
	UnpublishedJournal(ctx context.Context, cluster string) (int64, error)
	// RowsInFlight counts the rows of unfinished uploads that have no result yet.
	RowsInFlight(ctx context.Context) (int64, error)
}

// CustomerQuery says which customers to list. Empty fields do not restrict.
type CustomerQuery struct {
	Company    string
	CustomerID string // whole value
	Ref        string // uniqueRefNo, whole value
	NamePrefix string // legalName begins with this, case-sensitive
	After      string // customerId after which the page begins
	Limit      int
}

// SettingStore keeps small values all processes share, such as the key that
// signs file addresses.
type SettingStore interface {
	// Setting returns the stored value of name, storing initial if there is none.
	Setting(ctx context.Context, name string, initial []byte) ([]byte, error)
}
