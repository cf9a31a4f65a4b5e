package history_test

import (
	"maps"
	"slices"
	"strings"

	"sluice/internal/bulk"
	"sluice/internal/customer"
)

// model is what the store must hold: it applies the rows of each file in order,
// one after the other, and knows of nothing else.
type model struct {
	companies map[string]*modelCompany
}

type modelCompany struct {
	customers map[string]*modelCustomer // by customerId
	holders   map[string]string         // reference: customerId
}

type modelCustomer struct {
	slice   int
	version int64
	values  map[string]string // by column; absent is null
}

// outcome is what must become of one row.
type outcome struct {
	status     string
	codes      []string // of a failed row, in the order of the file's columns
	warnings   int
	customerID string // of a row that succeeded, where the model knows it
	units      int64  // of the amount, in ten-thousandths
}

func newModel() *model { return &model{companies: map[string]*modelCompany{}} }

func (m *model) hasCompany(company string) bool { return m.companies[company] != nil }

// addCompany makes a company exist: a create does so when it is accepted.
func (m *model) addCompany(company string) {
	if m.companies[company] == nil {
		m.companies[company] = &modelCompany{customers: map[string]*modelCustomer{}, holders: map[string]string{}}
	}
}

// inSlice lists the customers of a slice in order.
func (m *model) inSlice(company string, slice int) []string {
	var ids []string
	if c := m.companies[company]; c != nil {
		for id, cust := range c.customers {
			if cust.slice == slice {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

func (m *model) reference(company, id string) string {
	c := m.companies[company]
	if c == nil || c.customers[id] == nil {
		return ""
	}
	return c.customers[id].values["uniqueRefNo"]
}

// apply applies a file and says what must become of each row.
func (m *model) apply(u *plannedUpload) []outcome {
	c := m.companies[u.company]
	seen := map[string]bool{}
	out := make([]outcome, len(u.rows))
	for i := range u.rows {
		r := &u.rows[i]
		identity := strings.TrimSpace(r.cells[0].text)
		isRepeat := identity != "" && seen[identity]
		seen[identity] = true
		out[i] = c.row(u, r, int64(i+1), isRepeat)
	}
	return out
}

// row decides one row and applies it.
func (c *modelCompany) row(u *plannedUpload, r *plannedRow, number int64, isRepeat bool) outcome {
	var o outcome
	o.codes, o.warnings = mistakes(u, r)
	if isRepeat && u.options.OnRepeat == bulk.RepeatReject {
		o.codes = append(o.codes, "REPEATED_ROW")
	} else if isRepeat {
		o.warnings++
	}
	if len(o.codes) > 0 {
		o.status = "failed"
		return o
	}
	units := int64(0)
	for j, column := range u.columns {
		if column == "outstandingAmount" {
			units = r.cells[j].units
		}
	}
	if isRepeat && u.options.OnRepeat == bulk.RepeatFirstWins {
		o.status, o.units = "unchanged", units
		return o
	}
	c.take(u, r, number, &o)
	if o.status != "failed" {
		o.units = units
	}
	return o
}

// mistakes judges the cells: the codes of a row that fails, in column order.
func mistakes(u *plannedUpload, r *plannedRow) (codes []string, warnings int) {
	if r.isRagged {
		return []string{"MALFORMED_ROW"}, 0
	}
	isCreate, hasName := u.kind == bulk.KindCreate, false
	for j, column := range u.columns {
		cl := r.cells[j]
		if cl.isOdd {
			warnings++
		}
		isClear := cl.text == null || cl.text == "" && (u.options.EmptyCells == bulk.EmptyClear || isCreate)
		if column == "legalName" {
			hasName = true
			if isClear {
				codes = append(codes, "REQUIRED")
				continue
			}
		}
		if cl.code != "" {
			codes = append(codes, cl.code)
		}
	}
	if isCreate && !hasName {
		codes = append(codes, "REQUIRED")
	}
	return codes, warnings
}

// take makes a good row take effect.
func (c *modelCompany) take(u *plannedUpload, r *plannedRow, number int64, o *outcome) {
	id := r.cells[0].stored
	isCreate := u.kind == bulk.KindCreate
	if u.byRef && isCreate {
		id = customer.GenerateID(u.id, number)
	} else if u.byRef {
		id = c.holders[r.cells[0].stored]
	}
	cust := c.customers[id]
	fail := func(code string) { o.status, o.codes = "failed", []string{code} }
	switch {
	case !isCreate && cust == nil:
		fail("NOT_FOUND")
		return
	case isCreate && cust != nil:
		fail("ALREADY_EXISTS")
		return
	case isCreate:
		cust = &modelCustomer{slice: u.slice, values: map[string]string{}}
	}
	next := maps.Clone(cust.values)
	for j, column := range u.columns {
		isIdentity := j == 0 && (column == "customerId" || !isCreate)
		if isIdentity || !isStored(column) {
			continue
		}
		switch cl := r.cells[j]; {
		case cl.text == null, cl.text == "" && u.options.EmptyCells == bulk.EmptyClear:
			delete(next, column)
		case cl.text != "":
			next[column] = cl.stored
		}
	}
	ref, was := next["uniqueRefNo"], cust.values["uniqueRefNo"]
	if holder := c.holders[ref]; ref != "" && holder != "" && holder != id {
		fail("DUPLICATE_REFERENCE")
		return
	}
	o.customerID = id
	if !isCreate && maps.Equal(next, cust.values) {
		o.status = "unchanged"
		return
	}
	if was != "" {
		delete(c.holders, was)
	}
	if ref != "" {
		c.holders[ref] = id
	}
	cust.values = next
	cust.version++
	c.customers[id] = cust
	o.status = "applied"
}
