package analytics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/internal/bulk"
)

// The tables of the analytics store, as metrics name them.
const (
	tableUploads = "uploads"
	tableResults = "row_results"
	tableChanges = "changes"
)

// Why a record gives no rows.
const (
	skippedUnreadable = "unreadable"
	skippedTombstone  = "tombstone"
)

// Metrics of the analytics role.
type Metrics struct {
	Rows          *prometheus.CounterVec // sent and taken, by table
	Skipped       *prometheus.CounterVec // records that give no rows, by reason
	Blocks        *prometheus.CounterVec // inserts, by result
	InsertSeconds prometheus.Histogram
	Refills       prometheus.Counter
	Moved         prometheus.Counter
	Lag           *prometheus.GaugeVec
}

// NewMetrics registers the metrics of the role.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_analytics_rows_total", Help: "Rows the analytics store took, repeated ones included, by table.",
		}, []string{"table"}),
		Skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_analytics_skipped_total", Help: "Records that give no rows: unreadable ones and tombstones.",
		}, []string{"reason"}),
		Blocks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_analytics_blocks_total", Help: "Blocks sent to the analytics store, by result.",
		}, []string{"result"}),
		InsertSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sluice_analytics_insert_seconds", Help: "Seconds of one insert, failed ones included.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2.5, 12),
		}),
		Refills: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_analytics_refills_total", Help: "Times the analytics store was filled again from the journal.",
		}),
		Moved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_analytics_moved_total", Help: "Blocks given up because another owner had recorded one.",
		}),
		Lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_analytics_lag_records", Help: "Records not yet in the analytics store, by topic and partition.",
		}, []string{"topic", "partition"}),
	}
	reg.MustRegister(m.Rows, m.Skipped, m.Blocks, m.InsertSeconds, m.Refills, m.Moved, m.Lag)
	return m
}

func (m *Metrics) lag(s bulk.Source, records int64) {
	m.Lag.WithLabelValues(s.Topic, strconv.Itoa(int(s.Partition))).Set(float64(max(records, 0)))
}
