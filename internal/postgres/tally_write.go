package postgres

import (
	"fmt"
	"slices"

	"sluice/internal/bulk"
)

// tallyArrays are the columns of changed tallies and marks.
type tallyArrays struct {
	uploads                                         []string
	version                                         []int64
	applied, unchanged, failed, unprocessed, warned []int64
	amount                                          []string

	markUploads       []string
	markSources       []int32
	markLast, markEnd array
}

// writeTallies writes the tallies, and of their marks what differs from before.
func writeTallies(b *bulk.AggregateBatch, writes []bulk.TallyWrite, before []countedTally) ([]statement, error) {
	if len(writes) == 0 {
		return nil, nil
	}
	c := &tallyArrays{}
	c.markLast.reset(oidInt8)
	c.markEnd.reset(oidInt8)
	for i := range writes {
		w := &writes[i]
		at := slices.Index(b.Uploads, w.Upload)
		if at < 0 {
			return nil, fmt.Errorf("tally of upload %s is not of this batch", w.Upload)
		}
		if err := c.add(w, &before[at]); err != nil {
			return nil, err
		}
	}
	statements := []statement{expecting(len(c.uploads), stateChanged, `UPDATE tally t SET version = t.version + 1,
			applied = u.applied, unchanged = u.unchanged, failed = u.failed, unprocessed = u.unprocessed,
			warned = u.warned, amount = u.amount::numeric, progress_at = now()
		FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[])
			AS u(upload, version, applied, unchanged, failed, unprocessed, warned, amount)
		WHERE t.upload = u.upload AND t.version = u.version`,
		c.uploads, c.version, c.applied, c.unchanged, c.failed, c.unprocessed, c.warned, c.amount)}
	if len(c.markUploads) > 0 {
		statements = append(statements, statement{
			`INSERT INTO result_mark AS m (upload, source, last_row, end_row)
			SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[])
			ON CONFLICT (upload, source) DO UPDATE SET last_row = excluded.last_row, end_row = coalesce(excluded.end_row, m.end_row)`,
			[]any{c.markUploads, c.markSources, &c.markLast, &c.markEnd},
		})
	}
	return statements, nil
}

func (c *tallyArrays) add(w *bulk.TallyWrite, before *countedTally) error {
	t, n := &w.Tally, &w.Tally.Counters
	if !before.Known || len(t.Marks) != before.Sources || t.Ends != nil && len(t.Ends) != before.Sources {
		return fmt.Errorf("tally of upload %s has %d marks and %d ends, not %d", w.Upload, len(t.Marks), len(t.Ends), before.Sources)
	}
	c.uploads, c.version = append(c.uploads, w.Upload), append(c.version, before.version)
	c.applied, c.unchanged = append(c.applied, n.Applied), append(c.unchanged, n.Unchanged)
	c.failed, c.unprocessed = append(c.failed, n.Failed), append(c.unprocessed, n.Unprocessed)
	c.warned, c.amount = append(c.warned, n.Warned), append(c.amount, n.Amount.String())
	for i := range t.Marks {
		isNewEnd := t.Ends != nil && (before.Ends == nil || t.Ends[i] != before.Ends[i])
		if t.Marks[i] == before.Marks[i] && !isNewEnd {
			continue
		}
		c.markUploads, c.markSources = append(c.markUploads, w.Upload), append(c.markSources, int32(i))
		c.markLast.int8(t.Marks[i])
		if t.Ends == nil {
			c.markEnd.null()
		} else {
			c.markEnd.int8(t.Ends[i])
		}
	}
	return nil
}
