package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// Customer is bulk.ReadStore.Customer.
func (s *Store) Customer(ctx context.Context, company, customerID string) (*customer.Customer, error) {
	found, err := s.SearchCustomers(ctx, bulk.CustomerQuery{Company: company, CustomerID: customerID, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || customerID == "" {
		return nil, fmt.Errorf("customer: %w", bulk.ErrNotFound)
	}
	return &found[0], nil
}

// SearchCustomers is bulk.ReadStore.SearchCustomers.
func (s *Store) SearchCustomers(ctx context.Context, q bulk.CustomerQuery) ([]customer.Customer, error) {
	if !isText(q.Company, q.CustomerID, q.Ref, q.NamePrefix, q.After) {
		return nil, nil
	}
	text, args := searchText(&q)
	found, err := list(ctx, s.general, scanCustomer, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read customers: %w", err)
	}
	return found, nil
}

func searchText(q *bulk.CustomerQuery) (text string, args []any) {
	where := &strings.Builder{}
	add := func(condition, value string) {
		args = append(args, value)
		where.WriteString(` AND ` + condition + ` $` + strconv.Itoa(len(args)))
	}
	args = []any{q.Limit}
	add(`c.company =`, q.Company)
	add(`c.customer >`, q.After)
	if q.CustomerID != "" {
		add(`c.customer =`, q.CustomerID)
	}
	if q.Ref != "" {
		add(`c.unique_ref_no =`, q.Ref)
	}
	from := `customer c`
	if q.NamePrefix != "" {
		add(`c.legal_name >=`, q.NamePrefix)
		if end := afterPrefix(q.NamePrefix); end != "" {
			add(`c.legal_name <`, end)
		}
		if q.CustomerID == "" && q.Ref == "" {
			// Kept from walking a whole company in the order of ids instead.
			from = `(SELECT * FROM customer c WHERE true` + where.String() + ` OFFSET 0) c`
			where.Reset()
		}
	}
	return `SELECT c.customer, c.version, c.updated_at, ` + selectedColumns() + ` FROM ` + from + ` WHERE true` + where.String() +
		` ORDER BY c.customer LIMIT $1`, args
}

// afterPrefix is the first text, byte by byte, that the database can hold after
// all that begin with prefix; empty when there is none.
func afterPrefix(prefix string) string {
	r := []rune(prefix)
	for len(r) > 0 && r[len(r)-1] == utf8.MaxRune {
		r = r[:len(r)-1]
	}
	if len(r) == 0 {
		return ""
	}
	last := len(r) - 1
	if r[last]++; r[last] == 0xD800 {
		r[last] = 0xE000 // what lies between is no character
	}
	return string(r)
}

func scanCustomer(row pgx.CollectableRow) (c customer.Customer, err error) {
	var updatedAt time.Time
	var texts [customer.NumFields]*string
	to := []any{&c.CustomerID, &c.Version, &updatedAt}
	for f := range texts {
		to = append(to, &texts[f])
	}
	if err := row.Scan(to...); err != nil {
		return c, err
	}
	c.UpdatedAt = updatedAt.UTC()
	for f := range customer.Field(customer.NumFields) {
		if texts[f] == nil {
			continue
		}
		if c.Values[f], err = readValue(f, *texts[f]); err != nil {
			return c, err
		}
	}
	return c, nil
}
