package postgres

import (
	"context"

	"sluice/internal/bulk"
)

// firstAnalyze is how many new customers make the first ANALYZE; each later one
// comes at four times as many.
const firstAnalyze = 500

// analyzeGrowth has the planner look at the customers after this process has added
// many. Autovacuum would do it within a minute, but until then the planner knows
// nothing of a new table and may read a whole company for each customer.
func (s *Store) analyzeGrowth(ctx context.Context, w *bulk.ApplyWrite) {
	added := int64(0)
	for i := range w.Customers {
		if w.Customers[i].OldVersion == 0 {
			added++
		}
	}
	if added == 0 {
		return
	}
	due := s.analyzeAt.Load()
	if s.added.Add(added) < due || !s.analyzeAt.CompareAndSwap(due, due*4) {
		return
	}
	if _, err := s.general.Exec(ctx, `ANALYZE customer`); err != nil && ctx.Err() == nil {
		s.log.Warn("cannot analyze the customers; lookups may be slow until autovacuum does", "err", err)
	}
}
