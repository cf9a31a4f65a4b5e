package sqlite

import (
	"fmt"
	"math"

	"zombiezen.com/go/sqlite"
)

// slot is the id a customer has unless another customer took it before: the
// company's hash in the high 23 bits keeps a company's customers on neighbouring
// pages, the customer's hash in the low 40 spreads them. A million customers of
// one company meet about once in two such files; then the next id is tried.
func (s *Store) slot(company, customerID string) int64 {
	return int64(s.hash(company)>>41)<<40 | int64(s.hash(customerID)>>24)
}

// nextSlot is where to look when a slot holds another customer. Customers are
// never deleted, so the chain of a customer has no holes.
func nextSlot(id int64) int64 { return (id + 1) & math.MaxInt64 }

// customerStatements are the statements of the row path, prepared once.
type customerStatements struct {
	byID, byRef               *sqlite.Stmt
	insert, clearRef          *sqlite.Stmt
	update, updateRef         *sqlite.Stmt
	updateName, updateRefName *sqlite.Stmt
}

func (p *customerStatements) prepare(c *sqlite.Conn) error {
	for text, to := range map[string]**sqlite.Stmt{
		`SELECT version, company, customer, doc FROM customer WHERE id = ?`:                                  &p.byID,
		`SELECT id, version, customer, doc FROM customer WHERE company = ? AND ref = ?`:                      &p.byRef,
		`INSERT INTO customer (id, version, doc, ref, name, company, customer) VALUES (?, ?, ?, ?, ?, ?, ?)`: &p.insert,
		`UPDATE customer SET ref = NULL WHERE id = ? AND ref IS NOT NULL`:                                    &p.clearRef,
		`UPDATE customer SET version = ?2, doc = ?3 WHERE id = ?1`:                                           &p.update,
		`UPDATE customer SET version = ?2, doc = ?3, ref = ?4 WHERE id = ?1`:                                 &p.updateRef,
		`UPDATE customer SET version = ?2, doc = ?3, name = ?4 WHERE id = ?1`:                                &p.updateName,
		`UPDATE customer SET version = ?2, doc = ?3, ref = ?4, name = ?5 WHERE id = ?1`:                      &p.updateRefName,
	} {
		st, err := c.Prepare(text)
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		*to = st
	}
	return nil
}
