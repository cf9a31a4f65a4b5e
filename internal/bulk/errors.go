package bulk

import (
	"errors"
	"fmt"

	"sluice/internal/customer"
)

// Errors every store reports by these values.
var (
	// ErrNotFound says that there is no such upload, customer, job or response.
	ErrNotFound = errors.New("not found")
	// ErrMoved says that a compare-and-swap of progress failed: another owner
	// moved it. The caller forgets everything and reads progress again.
	ErrMoved = errors.New("progress was moved by another owner")
	// ErrFenced says that a lease was taken over or reset.
	ErrFenced = errors.New("lease is held by another owner")
	// ErrNoSpace says that a disk is full.
	ErrNoSpace = errors.New("no space left")
)

// RejectError says that a row can never succeed; it becomes a failed result.
type RejectError struct {
	Issue customer.Issue
}

// Error describes the rejection.
func (e *RejectError) Error() string {
	return fmt.Sprintf("row rejected: %s: %s", e.Issue.Code, e.Issue.Message)
}

// RefusedError says which customers of a batch the store refuses for good
// (a broken constraint, a value too large). Nothing of the batch was written.
type RefusedError struct {
	Customers []RefusedCustomer
}

// RefusedCustomer is one refused customer and the store's reason in words fit
// for an operator's log.
type RefusedCustomer struct {
	Company        string
	CustomerID     string
	IsDuplicateRef bool // the uniqueRefNo is held by another customer
	Reason         string
}

// Error describes the refusal.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("store refuses %d customers of the batch", len(e.Customers))
}
