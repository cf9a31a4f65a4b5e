package customer

import (
	"fmt"
	"strings"
	"unicode"
)

// Role is what a column of a file is for.
type Role uint8

// The roles.
const (
	RoleUnknown  Role = iota // no customer field; the file gets a warning
	RoleIgnored              // name begins with _: ours, or the sender's own notes
	RoleIdentity             // customerId, or uniqueRefNo where there is no customerId
	RoleField                // a stored field
	RoleAmount               // outstandingAmount
)

// Column is one column of a file.
type Column struct {
	Index int    // place in the header, from 0
	Name  string // JSON name if known, else the header's own text
	Role  Role
	Field Field // of RoleField, and of RoleIdentity when it is uniqueRefNo; else NoField
}

// Columns is the meaning of a header. It is read-only after ParseHeader and
// safe for concurrent use.
type Columns struct {
	all      []Column
	known    []Column // what Judge looks at, in column order
	identity Column
	// hasRow says that the header has the _row column of a result file: such a
	// file's cells carry a ' before characters that a spreadsheet would run.
	hasRow   bool
	unknown  []string
	hasField FieldSet
}

// HeaderError says why a header can not be used; the whole file is refused.
type HeaderError struct {
	Issues []Issue // NoIdentityColumn, DuplicateColumn
}

// Error joins the messages.
func (e *HeaderError) Error() string {
	texts := make([]string, len(e.Issues))
	for i := range e.Issues {
		texts[i] = e.Issues[i].Message
	}
	return strings.Join(texts, "; ")
}

// ParseHeader finds out what each column is for. Names match whatever their
// case, spaces, _ and -. The error is a *HeaderError with every mistake.
func ParseHeader(names []string) (*Columns, error) {
	c := &Columns{all: make([]Column, len(names)), hasRow: hasRowColumn(names)}
	var issues []Issue
	first := map[string]int{}
	hasID := false
	for i, raw := range names {
		name := tidyName(raw, c.hasRow)
		col := classify(name)
		col.Index = i
		c.all[i] = col
		switch col.Role {
		case RoleIgnored:
			continue
		case RoleUnknown:
			c.unknown = append(c.unknown, unknownName(name, i))
			continue
		case RoleIdentity, RoleField, RoleAmount:
		}
		if j, seen := first[col.Name]; seen {
			issues = append(issues, Issue{
				Field: col.Name, Column: i, Rejected: reject(name), Code: DuplicateColumn,
				Message: fmt.Sprintf("columns %d (%q) and %d (%q) are both %s; keep one of them",
					j+1, reject(tidyName(names[j], c.hasRow)), i+1, reject(name), col.Name),
			})
			continue
		}
		first[col.Name] = i
		hasID = hasID || col.Role == RoleIdentity
	}
	if !hasID && !c.identifyByReference() {
		issues = append(issues, Issue{
			Field: NameCustomerID, Column: -1, Code: NoIdentityColumn,
			Message: "the header has neither customerId nor uniqueRefNo; add one of these columns so that each row names its customer",
		})
	}
	if len(issues) > 0 {
		return nil, &HeaderError{Issues: issues}
	}
	c.index()
	return c, nil
}

// identifyByReference makes uniqueRefNo the identity, if the file has it.
func (c *Columns) identifyByReference() bool {
	for i := range c.all {
		if c.all[i].Role == RoleField && c.all[i].Field == UniqueRefNo {
			c.all[i].Role = RoleIdentity
			return true
		}
	}
	return false
}

func (c *Columns) index() {
	for _, col := range c.all {
		switch col.Role {
		case RoleUnknown, RoleIgnored:
			continue
		case RoleIdentity:
			c.identity = col
		case RoleField, RoleAmount:
		}
		if col.Field != NoField {
			c.hasField = c.hasField.With(col.Field)
		}
		c.known = append(c.known, col)
	}
}

// All lists the columns in file order.
func (c *Columns) All() []Column { return c.all }

// Known lists the columns that mean something, in file order.
func (c *Columns) Known() []Column { return c.known }

// Unknown lists the header texts that are no customer field, as valid UTF-8 of
// at most 256 characters each; they make the file's one UnknownColumn warning.
func (c *Columns) Unknown() []string { return c.unknown }

// Warning is the file's one UnknownColumn warning, if it has unknown columns.
func (c *Columns) Warning() (Issue, bool) {
	if len(c.unknown) == 0 {
		return Issue{}, false
	}
	const most = 20
	names, rest := c.unknown, ""
	if len(names) > most {
		rest = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return Issue{
		Column: -1, Code: UnknownColumn,
		Message: "these columns are not customer fields and were not stored: " + strings.Join(names, ", ") + rest,
	}, true
}

// Identity is the column that names the customer.
func (c *Columns) Identity() Column { return c.identity }

// ByRef reports whether uniqueRefNo names the customer, not customerId.
func (c *Columns) ByRef() bool { return c.identity.Field == UniqueRefNo }

// HasRowColumn reports whether the file is one of our result files sent back.
func (c *Columns) HasRowColumn() bool { return c.hasRow }

// Fields is the set of stored fields that have a column.
func (c *Columns) Fields() FieldSet { return c.hasField }

// hasRowColumn looks for _row in any case.
func hasRowColumn(names []string) bool {
	for _, n := range names {
		if strings.EqualFold(strings.TrimSpace(n), "_row") {
			return true
		}
	}
	return false
}

func tidyName(raw string, hasRow bool) string {
	raw = strings.TrimPrefix(raw, "\ufeff")
	if hasRow && len(raw) > 1 && raw[0] == '\'' && isActive(raw[1]) {
		raw = raw[1:]
	}
	return strings.TrimSpace(raw)
}

// classify gives uniqueRefNo the role of a field; whether it identifies depends
// on the other columns.
func classify(name string) Column {
	if strings.HasPrefix(name, "_") {
		return Column{Name: name, Role: RoleIgnored, Field: NoField}
	}
	key := foldName(name)
	switch key {
	case foldName(NameCustomerID):
		return Column{Name: NameCustomerID, Role: RoleIdentity, Field: NoField}
	case foldName(NameOutstandingAmount):
		return Column{Name: NameOutstandingAmount, Role: RoleAmount, Field: NoField}
	}
	for f := range rules {
		if key == foldName(rules[f].Name) {
			return Column{Name: rules[f].Name, Role: RoleField, Field: Field(f)}
		}
	}
	return Column{Name: name, Role: RoleUnknown, Field: NoField}
}

// foldName drops what matching ignores.
func foldName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

func unknownName(name string, index int) string {
	if name == "" {
		return fmt.Sprintf("column %d, which has no name", index+1)
	}
	return reject(name)
}
