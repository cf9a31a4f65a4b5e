package split

import (
	"errors"
	"fmt"
	"slices"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/event"
	"sluice/internal/tabular"
)

// split makes an event or a result of one row.
func (r *run) split(row *tabular.Row) {
	u := r.upload
	j := &r.judged
	r.columns.Judge(row.Cells, customer.Options{
		Create: u.Kind == bulk.KindCreate, ClearEmpty: u.Options.EmptyCells == bulk.EmptyClear,
	}, j)
	r.structure(row.Err)
	if r.repeats.Contains(uint32(row.Number)) {
		if r.repeat(row.Number) {
			return
		}
	}
	if !j.OK() {
		r.result(bulk.Result{
			Row: row.Number, Status: bulk.StatusFailed,
			Errors: slices.Clone(j.Errors), Warnings: slices.Clone(j.Warnings),
		})
		return
	}
	r.event(row)
}

// structure adds what the reader found wrong with the row as such. Of a row that
// could not be cut into cells nothing else is said.
func (r *run) structure(err error) {
	var fault *tabular.RowError
	if err == nil || !errors.As(err, &fault) {
		return
	}
	issue := customer.Issue{Column: fault.Column, Message: fault.Message}
	if all := r.columns.All(); fault.Column >= 0 && fault.Column < len(all) {
		issue.Field = all[fault.Column].Name
	}
	j := &r.judged
	switch fault.Kind {
	case tabular.Malformed:
		issue.Code = customer.MalformedRow
		j.Errors, j.Warnings = j.Errors[:0], j.Warnings[:0]
	case tabular.TooLong:
		issue.Code = customer.TooLong
		j.Errors, j.Warnings = j.Errors[:0], j.Warnings[:0]
	case tabular.CellTooLong:
		issue.Code = customer.TooLong
	case tabular.InvalidText:
		issue.Code = customer.InvalidText
	}
	if slices.ContainsFunc(j.Errors, func(e customer.Issue) bool { return e.Column == issue.Column }) {
		return
	}
	j.Errors = append(j.Errors, issue)
	slices.SortStableFunc(j.Errors, func(a, b customer.Issue) int { return a.Column - b.Column })
}

// repeat applies the rule for repeats; true: the row has its result.
func (r *run) repeat(number int64) bool {
	j := &r.judged
	issue := customer.Issue{
		Field: r.columns.Identity().Name, Column: r.columns.Identity().Index, Rejected: j.Identity,
		Code: customer.RepeatedRow, Message: "the same customer stands in an earlier row of the file",
	}
	if r.upload.Options.OnRepeat == bulk.RepeatReject {
		issue.Message += ": put what it asks for into one row"
		j.Errors = append(j.Errors, issue)
		return false
	}
	j.Warnings = append(j.Warnings, issue)
	if r.upload.Options.OnRepeat != bulk.RepeatFirstWins || !j.OK() {
		return false
	}
	r.result(bulk.Result{Row: number, Status: bulk.StatusUnchanged, CustomerID: j.CustomerID, Amount: j.Amount, Warnings: slices.Clone(j.Warnings)})
	return true
}

// result notes a result of the split's own.
func (r *run) result(res bulk.Result) { r.results = append(r.results, res) }

// event makes the row event of a good row.
func (r *run) event(row *tabular.Row) {
	u, j, e := r.upload, &r.judged, &r.row
	*e = bulk.Row{
		Upload: u.ID, Company: u.Company, Kind: u.Kind, Number: row.Number, Line: row.Line,
		ByRef: j.ByRef, Identity: j.Identity, CustomerID: j.CustomerID,
		Changes: j.Changes, Amount: j.Amount, Warnings: j.Warnings,
	}
	if u.Kind == bulk.KindCreate && e.CustomerID == "" {
		e.CustomerID = customer.GenerateID(u.ID, row.Number)
	}
	r.key = event.AppendRowKey(r.key[:0], e)
	partition := r.o.PartitionFor(r.key, int(u.Partitions))
	e.Prev = r.at.Last[partition]
	r.out.Row(e, partition)
	size := len(r.out.Records()[len(r.out.Records())-1].Value)
	if size > maxRowEventBytes {
		r.out.DropLast()
		r.result(bulk.Result{
			Row: row.Number, Status: bulk.StatusFailed, Warnings: slices.Clone(j.Warnings),
			Errors: []customer.Issue{{Column: -1, Code: customer.TooLong, Message: fmt.Sprintf("the row takes %d bytes and at most %d are kept: shorten its longest cells", size, maxRowEventBytes)}},
		})
		return
	}
	r.at.Last[partition] = row.Number
	r.at.Bytes += int64(size)
	r.bytes += size
}
