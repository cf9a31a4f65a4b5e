package postgres

import "sluice/internal/bulk"

// The store implements all of these.
var (
	_ bulk.IntakeStore    = (*Store)(nil)
	_ bulk.ReadStore      = (*Store)(nil)
	_ bulk.JobStore       = (*Store)(nil)
	_ bulk.SplitStore     = (*Store)(nil)
	_ bulk.ApplyStore     = (*Store)(nil)
	_ bulk.JournalStore   = (*Store)(nil)
	_ bulk.AggregateStore = (*Store)(nil)
	_ bulk.FinishStore    = (*Store)(nil)
	_ bulk.AnalyticsStore = (*Store)(nil)
	_ bulk.SettingStore   = (*Store)(nil)
)
