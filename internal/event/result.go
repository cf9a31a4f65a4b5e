package event

import (
	"slices"

	"sluice/internal/bulk"
)

// AppendResults appends the value of a result event.
func (c *Codec) AppendResults(dst []byte, b *bulk.ResultBatch) []byte {
	dst = c.appendResultsHead(dst, b, b.Prev, b.Last)
	if len(b.Results) > 0 {
		dst = appendLong(dst, int64(len(b.Results)))
		for i := range b.Results {
			dst = appendResult(dst, &b.Results[i])
		}
	}
	return appendResultsTail(dst, b)
}

func (c *Codec) appendResultsHead(dst []byte, b *bulk.ResultBatch, prev, last int64) []byte {
	dst = append(dst, c.result[:]...)
	dst = appendAnyText(dst, b.Upload)
	dst = appendAnyText(dst, b.Company)
	dst = appendLong(dst, int64(b.Source))
	dst = appendLong(dst, prev)
	return appendLong(dst, last)
}

// appendResultsTail ends the array of results and says whether the split ended.
func appendResultsTail(dst []byte, b *bulk.ResultBatch) []byte {
	dst = append(dst, arrayEnd)
	if b.Ends == nil {
		return append(dst, branchNull)
	}
	dst = appendLong(append(dst, branchSecond), b.Rows)
	if len(b.Ends) > 0 {
		dst = appendLong(dst, int64(len(b.Ends)))
		for _, n := range b.Ends {
			dst = appendLong(dst, n)
		}
	}
	return append(dst, arrayEnd)
}

func appendResult(dst []byte, r *bulk.Result) []byte {
	dst = appendLong(dst, r.Row)
	dst = appendSymbol(dst, int(r.Status))
	dst = appendAnyText(dst, r.CustomerID)
	dst = appendLong(dst, r.Version)
	dst = appendAmount(dst, r.Amount)
	dst = appendIssues(dst, r.Warnings)
	return appendIssues(dst, r.Errors)
}

// DecodeResults reads the value of a result event. The memory of b.Results is
// used again, nothing else of what b held.
func (c *Codec) DecodeResults(value []byte, b *bulk.ResultBatch) error {
	d := open(value, &c.result)
	*b = bulk.ResultBatch{
		Upload:  d.text(),
		Company: d.text(),
		Source:  d.int(),
		Prev:    d.long(),
		Last:    d.long(),
		Results: d.results(b.Results[:0]),
	}
	if d.branch(2) == 1 {
		b.Rows = d.long()
		b.Ends = []int64{}
		for n := d.block(minLong); n > 0; n = d.block(minLong) {
			b.Ends = slices.Grow(b.Ends, n)
			for range n {
				b.Ends = append(b.Ends, d.long())
			}
		}
	}
	return d.close()
}

func (d *decoder) results(list []bulk.Result) []bulk.Result {
	for n := d.block(minResult); n > 0; n = d.block(minResult) {
		list = slices.Grow(list, n)
		for range n {
			list = append(list, bulk.Result{
				Row:        d.long(),
				Status:     bulk.Status(d.symbol(4)),
				CustomerID: d.text(),
				Version:    d.long(),
				Amount:     d.decimal(),
				Warnings:   d.issues(),
				Errors:     d.issues(),
			})
		}
	}
	return list
}
