package bulk

import (
	"context"
	"io"

	"sluice/internal/customer"
)

// RefusalReason is why a call is refused before an upload is accepted. The HTTP
// side turns each into one status.
type RefusalReason int

// The reasons.
const (
	RefusedRequest  RefusalReason = iota + 1 // the call itself is wrong
	RefusedAborted                           // the body ended early
	RefusedCompany                           // no such company
	RefusedFile                              // readable, but not a table we can use
	RefusedKey                               // Idempotency-Key used for something else
	RefusedSize                              // over a limit
	RefusedFormat                            // a format that is not read
	RefusedOverload                          // try again later
	RefusedDiskFull                          // no room for the file
)

// Refusal says that a call had no effect, why, and what to do. Message and
// issues may be shown to the caller.
type Refusal struct {
	Reason  RefusalReason
	Message string
	Issues  []customer.Issue
	Row     int64 // data row the refusal speaks of; 0: none
}

// Error returns the message.
func (r *Refusal) Error() string { return r.Message }

// IntakeRequest is a call that brings a file.
type IntakeRequest struct {
	Kind           Kind
	Company        string
	Options        Options
	FileName       string // a label, never a path
	IdempotencyKey string // empty: none
	Caller         string // whose key it is, see Upload.Caller
}

// Intake takes files in. Safe for concurrent use.
type Intake interface {
	// Stage reads the file to its end and checks it as a whole. Nothing is
	// accepted yet: Accept or Discard must follow. The error is a *Refusal when
	// the caller is to mend something.
	Stage(ctx context.Context, r IntakeRequest, file io.Reader) (Staged, error)
}

// Staged is a file that was read and found good.
type Staged interface {
	// Accept makes it an upload: when it returns, the upload is durable and will
	// be answered. isNew is false when the idempotency key already had one.
	Accept(ctx context.Context) (u *Upload, isNew bool, err error)
	// Discard leaves nothing behind. It does nothing after Accept.
	Discard(ctx context.Context)
}
