package aggregate

import (
	"bufio"
	"errors"
	"slices"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/tabular"
)

// Columns that come first in a result file. They begin with an underscore, so
// that a file sent again has them ignored.
var resultColumns = []string{"_row", "_line", "_status", "_code", "_field", "_value", "_message"}

// customerIDColumn follows them in the success file.
const customerIDColumn = "_customerId"

// resultFile writes the rows of one bucket as they were, behind what became of them.
type resultFile struct {
	out     bulk.FileWriter
	buf     *bufio.Writer
	csv     *tabular.Writer
	columns *customer.Columns
	dropped []bool // columns of an earlier result file, not copied
	hasDrop bool
	bucket  bulk.Bucket
	scratch []byte
}

func newResultFile(out bulk.FileWriter, d tabular.Dialect, columns *customer.Columns, bucket bulk.Bucket) *resultFile {
	r := &resultFile{out: out, columns: columns, bucket: bucket}
	r.buf = bufio.NewWriterSize(out, 256<<10)
	r.csv = tabular.NewWriter(r.buf, d)
	for _, col := range columns.All() {
		drop := col.Role == customer.RoleIgnored
		r.dropped = append(r.dropped, drop)
		r.hasDrop = r.hasDrop || drop
	}
	return r
}

// writeHeader writes the columns of the file sent behind ours.
func (r *resultFile) writeHeader(names [][]byte) error {
	for _, name := range resultColumns {
		r.csv.Text(name)
	}
	if r.bucket == bulk.BucketSuccess {
		r.csv.Text(customerIDColumn)
	}
	r.cells(names, 0)
	return r.csv.EndRow()
}

// write writes one row.
func (r *resultFile) write(row *tabular.Row, res *bulk.Result) error {
	issues := res.Errors
	if r.bucket == bulk.BucketSuccess {
		issues = res.Warnings
	}
	r.csv.Int(row.Number)
	r.csv.Int(row.Line)
	r.csv.Text(res.Status.String())
	r.joined(issues, func(i *customer.Issue) string { return string(i.Code) })
	r.joined(issues, func(i *customer.Issue) string { return i.Field })
	r.joined(issues, func(i *customer.Issue) string { return i.Rejected })
	r.joined(issues, func(i *customer.Issue) string { return i.Message })
	if r.bucket == bulk.BucketSuccess {
		r.csv.Text(res.CustomerID)
	}
	var fault *tabular.RowError
	switch {
	case r.canCopy(row):
		r.csv.Raw(row.Raw)
	case errors.As(row.Err, &fault) && fault.Kind == tabular.Malformed:
		sound := min(max(fault.Column, 0), len(row.Cells))
		r.cells(row.Cells[:sound], 0)
		r.damaged(row.Cells[sound:], sound)
	default:
		r.cells(row.Cells, 0)
	}
	return r.csv.EndRow()
}

// canCopy reports whether the row can be written byte for byte: it is whole, has
// no cell that a spreadsheet would run, and none to leave out. A row with stray
// quotes is copied too, so that sent again as it is it fails again.
func (r *resultFile) canCopy(row *tabular.Row) bool {
	var fault *tabular.RowError
	if errors.As(row.Err, &fault) && fault.Kind == tabular.TooLong {
		return false
	}
	return !r.hasDrop && !slices.ContainsFunc(row.Cells, tabular.Inert)
}

// cells writes cells one by one, inert, without those of an earlier result file.
// first is the column of the first of them.
func (r *resultFile) cells(cells [][]byte, first int) {
	for i, cell := range cells {
		if r.isDropped(first + i) {
			continue
		}
		if r.columns.HasRowColumn() {
			cell = tabular.Uninert(cell)
		}
		r.csv.InertCell(cell)
	}
}

// damaged writes the cells from a stray quote on, as they stood in the file: quoted
// anew they would be sound, and the row sent again would be applied with them.
func (r *resultFile) damaged(cells [][]byte, first int) {
	for i, cell := range cells {
		if r.isDropped(first + i) {
			continue
		}
		if r.columns.HasRowColumn() {
			cell = tabular.Uninert(cell)
		}
		r.scratch = r.scratch[:0]
		if tabular.Inert(cell) {
			r.scratch = append(r.scratch, '\'')
		}
		r.scratch = append(r.scratch, cell...)
		r.csv.Raw(r.scratch)
	}
}

func (r *resultFile) isDropped(column int) bool {
	return column < len(r.dropped) && r.dropped[column]
}

// joined writes one cell from all issues of the row, in their order.
func (r *resultFile) joined(issues []customer.Issue, part func(*customer.Issue) string) {
	r.scratch = r.scratch[:0]
	for i := range issues {
		if i > 0 {
			r.scratch = append(r.scratch, "; "...)
		}
		r.scratch = append(r.scratch, part(&issues[i])...)
	}
	r.csv.InertCell(r.scratch)
}

// commit makes the file appear under its name.
func (r *resultFile) commit() error {
	if err := r.csv.Flush(); err != nil {
		return err
	}
	if err := r.buf.Flush(); err != nil {
		return err
	}
	return r.out.Commit()
}
