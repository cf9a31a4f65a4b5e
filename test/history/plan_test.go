package history_test

import (
	"fmt"
	"slices"
	"strings"

	"sluice/internal/bulk"
	"sluice/internal/bulktest"
	"sluice/internal/kafka"
)

// slices of a company's customers: uploads that run at the same time are given
// different ones, so that what they do does not depend on who is first.
const sliceCount = 2

const customersPerSlice = 10

// plannedUpload is a file and how it is sent.
type plannedUpload struct {
	key     string // Idempotency-Key
	company string
	slice   int
	kind    bulk.Kind
	options bulk.Options
	byRef   bool
	columns []string // the first is the identity
	rows    []plannedRow
	file    []byte

	id string // once accepted
}

// plannedRow is one data row.
type plannedRow struct {
	cells    []cell // beside columns
	isRagged bool   // written with a cell too few or too many
	line     int64
}

// planner makes uploads over what the model holds.
type planner struct {
	dice        *bulktest.Dice
	model       *model
	partitions  int
	isContended bool // uploads may meet over customers and references: only invariants hold
	made        int
}

// wave plans uploads that are sent at the same time.
func (p *planner) wave(companies []string) []*plannedUpload {
	type place struct {
		company string
		slice   int
	}
	var free []place
	for _, c := range companies {
		for s := range sliceCount {
			free = append(free, place{c, s})
		}
	}
	var out []*plannedUpload
	for range p.dice.Between(1, 3) {
		i := p.dice.Intn(len(free))
		at := free[i]
		if !p.isContended {
			free = slices.Delete(free, i, i+1)
		}
		out = append(out, p.upload(at.company, at.slice))
	}
	return out
}

// upload plans one file.
func (p *planner) upload(company string, slice int) *plannedUpload {
	d := p.dice
	p.made++
	u := &plannedUpload{
		key: fmt.Sprintf("key-%d", p.made), company: company, slice: slice, kind: bulk.KindUpdate,
		options: bulk.DefaultOptions(), byRef: d.Chance(0.3),
	}
	if !p.model.hasCompany(company) || d.Chance(0.35) {
		u.kind = bulk.KindCreate
	}
	u.options.OnRepeat = bulktest.Pick(d, []bulk.RepeatRule{bulk.RepeatLastWins, bulk.RepeatLastWins, bulk.RepeatFirstWins, bulk.RepeatReject})
	if d.Chance(0.25) {
		u.options.EmptyCells = bulk.EmptyClear
	}
	u.columns = p.columns(u)
	for range p.rowCount() {
		u.rows = append(u.rows, p.row(u))
	}
	u.write(d)
	return u
}

// rowCount draws mostly small files.
func (p *planner) rowCount() int {
	if p.dice.Chance(0.3) {
		return p.dice.Between(20, 60)
	}
	return p.dice.Between(1, 15)
}

func (p *planner) columns(u *plannedUpload) []string {
	cols := []string{"customerId"}
	if u.byRef {
		cols = []string{"uniqueRefNo"}
	} else if p.dice.Chance(0.5) {
		cols = append(cols, "uniqueRefNo")
	}
	for _, c := range valueColumns() {
		if isNeeded := u.kind == bulk.KindCreate && c == "legalName" && !p.dice.Chance(0.05); isNeeded || p.dice.Chance(0.4) {
			cols = append(cols, c)
		}
	}
	for len(cols) < 3 {
		cols = append(cols, "_note")
	}
	return cols
}

// row plans one row.
func (p *planner) row(u *plannedUpload) plannedRow {
	d := p.dice
	identity := p.identity(u)
	r := plannedRow{cells: []cell{identity}, isRagged: d.Chance(0.03)}
	for _, column := range u.columns[1:] {
		c := drawCell(d, column)
		if column == "uniqueRefNo" {
			c = p.reference(u, identity.stored)
		}
		if column == "legalName" && u.kind == bulk.KindCreate && c.text == "" && !d.Chance(0.1) {
			c = good("Asha Traders")
		}
		r.cells = append(r.cells, c)
	}
	if !slices.ContainsFunc(r.cells, func(c cell) bool { return strings.TrimSpace(c.text) != "" }) {
		r.cells[0] = bad(null, "REQUIRED") // a blank row would be none
	}
	return r
}

// identity draws who a row is about: mostly somebody of the slice, so that rows repeat.
func (p *planner) identity(u *plannedUpload) cell {
	d := p.dice
	switch {
	case d.Chance(0.03):
		return bad("", "REQUIRED")
	case d.Chance(0.02):
		return bad(null, "REQUIRED")
	case u.byRef:
		c := good(referenceName(u.slice, d.Intn(p.partitions), d.Intn(4)))
		if d.Chance(0.1) {
			c.text = " " + c.text
		}
		return c
	case d.Chance(0.03):
		return bad("no id", "INVALID_FORMAT")
	}
	if known := p.model.inSlice(u.company, u.slice); len(known) > 0 && d.Chance(0.3) {
		return good(bulktest.Pick(d, known))
	}
	return good(bulktest.CustomerID(d.Intn(customersPerSlice)*sliceCount + u.slice))
}

// referenceName names one of the references of a slice. Those of one partition
// move only among customers whose rows cross that partition, where file order holds.
func referenceName(slice, partition, n int) string {
	return fmt.Sprintf("R%d-%d-%d", slice, partition, n)
}

// reference draws the uniqueRefNo of a row that is about a customerId.
func (p *planner) reference(u *plannedUpload, id string) cell {
	d := p.dice
	partition := int(kafka.PartitionFor([]byte(u.company+"/"+id), p.partitions))
	own := fmt.Sprintf("R%d-%d-", u.slice, partition)
	if held := p.model.reference(u.company, id); !p.isContended && held != "" && !strings.HasPrefix(held, own) {
		return good(held) // it moves across partitions: left where it is
	}
	switch {
	case d.Chance(0.3):
		return cell{}
	case d.Chance(0.1):
		return cell{text: null}
	case p.isContended:
		partition = d.Intn(p.partitions)
	}
	return good(referenceName(u.slice, partition, d.Intn(4)))
}

// write makes the file.
func (u *plannedUpload) write(d *bulktest.Dice) {
	t := bulktest.NewTable(u.columns...)
	t.BOM = d.Chance(0.2)
	if d.Chance(0.2) {
		t.EOL = "\r\n"
	}
	line := int64(2)
	for i := range u.rows {
		r := &u.rows[i]
		for d.Chance(0.05) { // blank rows are none, but their lines count
			t.Row(make([]string, len(u.columns))...)
			line++
		}
		r.line = line
		texts := make([]string, len(r.cells))
		for j, c := range r.cells {
			texts[j] = c.text
			line += int64(strings.Count(c.text, "\n"))
		}
		if r.isRagged {
			if d.Chance(0.5) {
				texts = append(texts, "one too many")
			} else {
				line -= int64(strings.Count(texts[len(texts)-1], "\n"))
				texts = texts[:len(texts)-1]
			}
		}
		t.Row(texts...)
		line++
	}
	u.file = t.Bytes()
}
