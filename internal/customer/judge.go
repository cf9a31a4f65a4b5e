package customer

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Null is the cell that clears a field.
const Null = "#NULL"

// Options say how the rows of an upload are meant.
type Options struct {
	Create     bool // rows make customers; else they change them
	ClearEmpty bool // an empty cell clears its field; else it leaves it
}

// Judged is the verdict on one row. It is reused from row to row: the slices
// Errors and Warnings are overwritten by the next Judge, strings and lists stay.
type Judged struct {
	// Identity is the identity cell without white space at both ends; "" when
	// missing. A row that fails has it too, then it may be any bytes.
	Identity   string
	ByRef      bool   // Identity is a uniqueRefNo, not a customerId
	CustomerID string // when the row gives a valid one
	Changes    Changes
	Amount     Decimal // outstandingAmount
	HasAmount  bool
	Errors     []Issue // all errors of the row, in column order; none = the row is good
	Warnings   []Issue // in column order

	text []byte // trimmed cells of the known columns, one after the other
	ends []int  // where each of them ends in text
}

// OK reports whether the row is good.
func (j *Judged) OK() bool { return len(j.Errors) == 0 }

// Blank reports whether all cells of a row are empty or white space: such a
// row is not a row.
func Blank(cells [][]byte) bool {
	for _, cell := range cells {
		if len(bytes.TrimSpace(cell)) > 0 {
			return false
		}
	}
	return true
}

// Cell is the cell as it is judged: without the ' that our result files put
// before it, without white space at both ends. A missing cell is empty.
func (c *Columns) Cell(cells [][]byte, index int) []byte {
	if index < 0 || index >= len(cells) {
		return nil
	}
	cell := cells[index]
	if c.hasRow && len(cell) > 1 && cell[0] == '\'' && isActive(cell[1]) {
		cell = cell[1:]
	}
	return bytes.TrimSpace(cell)
}

// isActive reports whether our result files put a ' before a cell that begins
// with b.
func isActive(b byte) bool {
	switch b {
	case '=', '+', '-', '@', '\'', '\t', '\r', '\n':
		return true
	}
	return false
}

// IdentityCell is the identity cell as Judge sees it, without allocating; rows
// are repeats of each other when these bytes are equal and not empty.
func (c *Columns) IdentityCell(cells [][]byte) []byte { return c.Cell(cells, c.identity.Index) }

// Judge decides what a row asks for, or everything that is wrong with it. The
// cells are only read. The outcome depends on nothing but the arguments.
func (c *Columns) Judge(cells [][]byte, o Options, out *Judged) {
	out.reset(c.ByRef())
	all, clean := out.copyCells(c, cells)
	start := 0
	for i := range c.known {
		col, s := &c.known[i], all[start:out.ends[i]]
		start = out.ends[i]
		if col.Role == RoleIdentity {
			out.Identity = s
		}
		if !clean && !isCleanText(s) {
			out.fail(col, s, InvalidText, col.Name+" holds a NUL byte or is not valid UTF-8; save the file as UTF-8 and enter the value again")
			continue
		}
		switch col.Role {
		case RoleIdentity:
			out.judgeIdentity(col, s, o)
		case RoleField:
			out.judgeField(col, s, o)
		case RoleAmount:
			out.judgeAmount(col, s)
		case RoleUnknown, RoleIgnored:
		}
	}
	if o.Create {
		out.requireColumns(c.hasField)
	}
	if message := c.raggedness(cells); message != "" {
		// The cells may stand under the wrong names, so nothing else is said of them.
		out.Errors, out.Warnings = out.Errors[:0], out.Warnings[:0]
		out.Errors = append(out.Errors, Issue{Column: -1, Code: MalformedRow, Message: message})
	}
	if len(out.Errors) > 0 {
		out.dropChanges()
		out.Amount, out.HasAmount = Decimal{}, false
	}
}

func (j *Judged) reset(byRef bool) {
	j.Identity, j.ByRef, j.CustomerID = "", byRef, ""
	j.dropChanges()
	j.Amount, j.HasAmount = Decimal{}, false
	j.Errors, j.Warnings = j.Errors[:0], j.Warnings[:0]
}

// dropChanges leaves every field.
func (j *Judged) dropChanges() {
	for f := range j.Changes {
		ch := &j.Changes[f]
		ch.Action, ch.Value.Set, ch.Value.Text = Leave, false, ""
		if ch.Value.List != nil {
			ch.Value.List = nil
		}
		if ch.Value.Reminders != nil {
			ch.Value.Reminders = nil
		}
	}
}

// copyCells makes one string of all known cells, which the values then share,
// and reports whether all of it is valid UTF-8 without NUL.
func (j *Judged) copyCells(c *Columns, cells [][]byte) (all string, clean bool) {
	j.text, j.ends = j.text[:0], j.ends[:0]
	for i := range c.known {
		j.text = append(j.text, c.Cell(cells, c.known[i].Index)...)
		j.ends = append(j.ends, len(j.text))
	}
	all = string(j.text)
	// Two broken cells could together look whole, so a piece that begins inside
	// a character counts as broken too.
	clean = isCleanText(all)
	for i := 0; clean && i < len(j.ends); i++ {
		clean = j.ends[i] == len(all) || utf8.RuneStart(all[j.ends[i]])
	}
	return all, clean
}

func isCleanText(s string) bool { return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) }

// raggedness says what is wrong with the number of cells, "" for nothing.
func (c *Columns) raggedness(cells [][]byte) string {
	want := len(c.all)
	if len(cells) < want {
		return fmt.Sprintf("the row has %d cells and the header %d; add the missing separators, or quote a cell that has a line break or quote in it",
			len(cells), want)
	}
	for i := want; i < len(cells); i++ {
		if len(bytes.TrimSpace(cells[i])) > 0 {
			return fmt.Sprintf("the row has a value in cell %d but the header ends at %d; put quotes around a cell that has a comma in it", i+1, want)
		}
	}
	return ""
}

func (j *Judged) judgeIdentity(col *Column, s string, o Options) {
	if s == "" || s == Null {
		j.fail(col, s, Required, col.Name+" is empty; every row must name its customer")
		return
	}
	if col.Field == UniqueRefNo {
		value, ok := j.judgeText(col, s)
		if ok && o.Create {
			j.Changes[UniqueRefNo] = Change{Action: Set, Value: Value{Set: true, Text: value}}
		}
		return
	}
	switch {
	case IDValid(s):
		j.CustomerID = s
	case isExponentNumber(s, false):
		j.fail(col, s, SpreadsheetDamage, col.Name+" "+damagedByExponent)
	default:
		j.fail(col, s, InvalidFormat, col.Name+" must be "+customerIDRule)
	}
}

func (j *Judged) judgeField(col *Column, s string, o Options) {
	change := &j.Changes[col.Field]
	switch {
	case s == Null, s == "" && o.ClearEmpty, s == "" && o.Create:
		if rules[col.Field].Required {
			j.fail(col, s, Required, missing(col.Name, o))
		} else if s != "" || o.ClearEmpty {
			change.Action = Clear
		}
		return
	case s == "":
		return
	}
	// The value is written member by member: copying it whole costs more than
	// judging it.
	ok := true
	switch rules[col.Field].Kind {
	case Text:
		change.Value.Text, ok = j.judgeText(col, s)
	case List:
		change.Value.List, ok = j.judgeList(col, s)
	case Reminders:
		change.Value.Reminders, ok = j.judgeReminders(col, s)
		if ok && len(change.Value.Reminders) == 0 {
			change.Action = Clear
			return
		}
	}
	if ok {
		change.Value.Set, change.Action = true, Set
	}
}

func missing(name string, o Options) string {
	if o.Create {
		return name + " is needed to create a customer; enter a value"
	}
	return name + " can not be cleared; enter a value, or leave the cell empty to keep the stored one"
}

// judgeText decides a text field and gives its stored form.
func (j *Judged) judgeText(col *Column, s string) (string, bool) {
	r := &rules[col.Field]
	if r.accepts != nil && !r.accepts(s) || r.accepts == nil && r.damaged != nil {
		if r.damaged != nil {
			if what := r.damaged(s); what != "" {
				j.fail(col, s, SpreadsheetDamage, col.Name+" "+what)
				return "", false
			}
		}
		if r.accepts != nil {
			j.fail(col, s, InvalidFormat, col.Name+" must be "+r.Rule)
			return "", false
		}
	}
	if r.MaxChars > 0 && len(s) > r.MaxChars && utf8.RuneCountInString(s) > r.MaxChars {
		j.fail(col, s, TooLong, fmt.Sprintf("%s has %d characters; shorten it to at most %d", col.Name, utf8.RuneCountInString(s), r.MaxChars))
		return "", false
	}
	if r.suspect != nil {
		r.suspect(j, col, s)
	}
	if r.normalise != nil {
		s = r.normalise(s)
	}
	return s, true
}

func (j *Judged) judgeAmount(col *Column, s string) {
	if s == "" {
		return
	}
	if !isAmount(s) {
		j.fail(col, s, InvalidFormat, col.Name+" must be "+amountRule+", without grouping, currency signs or exponents")
		return
	}
	j.Amount, j.HasAmount = parseAmount(s), true
}

// requireColumns fails a created row for needed fields that have no column.
func (j *Judged) requireColumns(present FieldSet) {
	for f := range rules {
		if rules[f].Required && !present.Has(Field(f)) {
			j.Errors = append(j.Errors, Issue{
				Field: rules[f].Name, Column: -1, Code: Required,
				Message: rules[f].Name + " is needed to create a customer; add the column " + rules[f].Name,
			})
		}
	}
}

func (j *Judged) fail(col *Column, s string, code Code, message string) {
	j.Errors = append(j.Errors, Issue{Field: col.Name, Column: col.Index, Rejected: reject(s), Code: code, Message: message})
}

// warn appends a warning; what goes on after the column's name.
func (j *Judged) warn(col *Column, s string, code Code, what string) {
	j.Warnings = append(j.Warnings, Issue{Field: col.Name, Column: col.Index, Rejected: reject(s), Code: code, Message: col.Name + " " + what})
}
