package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"sluice/internal/bulk"
)

// SQLSTATEs that callers are told apart by, the first two our own, raised by
// sluice_expect.
const (
	stateMoved   = "SL001" // progress or a mark is not where it was
	stateChanged = "SL002" // a row read in the first trip changed since

	stateSerialization = "40001"
	stateDeadlock      = "40P01"
	stateLockTimeout   = "55P03"
	stateDiskFull      = "53100"
	stateUnique        = "23505"
)

// Names of constraints of table customer.
const (
	constraintKey = "customer_key"
	constraintRef = "customer_ref"
)

// maxAttempts bounds how often a transaction is tried that others got in the
// way of; the pause before each grows by attemptPause up to ten of them.
const (
	maxAttempts  = 25
	attemptPause = 5 * time.Millisecond
)

// unknownError is an error after which nobody knows whether the transaction was
// committed.
type unknownError struct{ err error }

func (e *unknownError) Error() string { return "outcome of the commit is unknown: " + e.err.Error() }
func (e *unknownError) Unwrap() error { return e.err }

func pgError(err error) *pgconn.PgError {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e
	}
	return &pgconn.PgError{}
}

// wrap gives the errors that callers tell apart their names.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	switch pgError(err).Code {
	case stateMoved:
		return fmt.Errorf("%w: %w", bulk.ErrMoved, err)
	case stateDiskFull:
		return fmt.Errorf("%w: %w", bulk.ErrNoSpace, err)
	}
	return err
}

// isPassing reports whether the transaction surely did not happen and may
// succeed when it is tried again.
func isPassing(err error) bool {
	var unknown *unknownError
	if errors.As(err, &unknown) {
		return false
	}
	e := pgError(err)
	switch e.Code {
	case stateChanged, stateSerialization, stateDeadlock, stateLockTimeout:
		return true
	case stateUnique:
		// Somebody else made the customer after it was not found.
		return e.ConstraintName == constraintKey
	}
	return pgconn.SafeToRetry(err)
}

// isRefusal reports whether the store refuses data: a value it can not hold
// (class 22), a broken constraint (23), a limit (54).
func isRefusal(err error) bool {
	code := pgError(err).Code
	return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23") || strings.HasPrefix(code, "54")
}

// again runs fn until its error is not passing, with a growing pause.
func (s *Store) again(ctx context.Context, fn func() error) error {
	for attempt := 1; ; attempt++ {
		err := fn()
		if err == nil || attempt == maxAttempts || !isPassing(err) || ctx.Err() != nil {
			return wrap(err)
		}
		s.log.Debug("others were in the way of a transaction, trying it again", "attempt", attempt, "err", err)
		pause(ctx, attempt)
	}
}

// pause spreads those who got in each other's way.
func pause(ctx context.Context, attempt int) {
	span := attemptPause * time.Duration(min(attempt, 10))
	t := time.NewTimer(span/2 + rand.N(span)) //nolint:gosec // not a secret
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// storable are the same ids, with an empty one, which nothing has, in place of
// one that PostgreSQL can not hold: what comes from a log may be anything.
func storable(ids []string) []string {
	if isText(ids...) {
		return ids
	}
	held := make([]string, len(ids))
	for i, id := range ids {
		if isText(id) {
			held[i] = id
		}
	}
	return held
}

// isText reports whether PostgreSQL can hold the texts. Nothing is found under
// one that it can not hold.
func isText(texts ...string) bool {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return false
		}
	}
	return true
}
