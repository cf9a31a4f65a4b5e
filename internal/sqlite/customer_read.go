package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

const customerColumns = `SELECT customer, version, doc FROM customer`

// Customer is bulk.ReadStore.Customer.
func (s *Store) Customer(ctx context.Context, company, customerID string) (*customer.Customer, error) {
	var found []customer.Customer
	err := s.read(ctx, func(c *sqlite.Conn) error {
		var err error
		found, err = s.listCustomers(c, customerColumns+` WHERE company = ? AND customer = ?`, company, customerID)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("customer: %w", bulk.ErrNotFound)
	}
	return &found[0], nil
}

// SearchCustomers is bulk.ReadStore.SearchCustomers.
func (s *Store) SearchCustomers(ctx context.Context, q bulk.CustomerQuery) ([]customer.Customer, error) {
	// Named: without statistics the planner could walk the whole company instead.
	index := "customer_key"
	switch {
	case q.CustomerID != "":
	case q.Ref != "":
		index = "customer_ref"
	case q.NamePrefix != "":
		index = "customer_name"
	}
	text := customerColumns + ` INDEXED BY ` + index + ` WHERE company = ? AND customer > ?`
	args := []any{q.Company, q.After}
	if q.CustomerID != "" {
		text += ` AND customer = ?`
		args = append(args, q.CustomerID)
	}
	if q.Ref != "" {
		text += ` AND ref = ?`
		args = append(args, q.Ref)
	}
	if q.NamePrefix != "" {
		text += ` AND name >= ? AND name < ?`
		args = append(args, q.NamePrefix, afterPrefix(q.NamePrefix))
	}
	text += ` ORDER BY customer LIMIT ?`
	args = append(args, q.Limit)
	var found []customer.Customer
	err := s.read(ctx, func(c *sqlite.Conn) (err error) {
		found, err = s.listCustomers(c, text, args...)
		return err
	})
	return found, err
}

// afterPrefix is the first text, byte by byte, after all that begin with prefix.
// The last byte of UTF-8 is never the highest one.
func afterPrefix(prefix string) string {
	b := []byte(prefix)
	b[len(b)-1]++
	return string(b)
}

func (s *Store) listCustomers(c *sqlite.Conn, text string, args ...any) ([]customer.Customer, error) {
	var found []customer.Customer
	_, err := query(c, text, func(st *sqlite.Stmt) error {
		var one customer.Customer
		if err := s.codec.DecodeCustomer(blob(st, 2), &one); err != nil {
			return fmt.Errorf("decode a stored customer: %w", err)
		}
		one.CustomerID, one.Version = st.ColumnText(0), st.ColumnInt64(1)
		found = append(found, one)
		return nil
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("read customers: %w", err)
	}
	return found, nil
}
