package aggregate_test

import (
	"context"

	"sluice/internal/bulktest"
)

// wrap has each call fail that fail says so of.
func wrap(s bulktest.FullStore, fail func(op string) error) *bulktest.Store {
	return &bulktest.Store{Inner: s, Around: func(_ context.Context, op string, call func() error) error {
		if err := fail(op); err != nil {
			return err
		}
		return call()
	}}
}

// before has fn run just before each call of an operation.
func before(s bulktest.FullStore, op string, fn func() error) *bulktest.Store {
	return wrap(s, func(called string) error {
		if called == op {
			return fn()
		}
		return nil
	})
}
