package apply

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/internal/bulk"
)

// Metrics of the apply role. consumed = the sum of Rows and of Skipped.
type Metrics struct {
	Rows    *prometheus.CounterVec // by result
	Skipped *prometheus.CounterVec // records without a result, by reason
	Moved   prometheus.Counter
	Seconds prometheus.Histogram
	Lag     *prometheus.GaugeVec // records behind the end, by partition
}

// NewMetrics registers the metrics of the role.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_apply_rows_total", Help: "Rows that got their result, by result.",
		}, []string{"result"}),
		Skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_apply_skipped_total", Help: "Records that gave no result: redelivered, unknown upload, gap, or a dead letter without a known row.",
		}, []string{"reason"}),
		Moved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_apply_moved_total", Help: "Batches thrown away because another owner had moved progress.",
		}),
		Seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sluice_apply_batch_seconds", Help: "Seconds from decoded batch to durable transaction.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}),
		Lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_apply_lag_records", Help: "Records of customer.updates not yet applied, by partition.",
		}, []string{"partition"}),
	}
	reg.MustRegister(m.Rows, m.Skipped, m.Moved, m.Seconds, m.Lag)
	return m
}

// count adds a committed batch.
func (m *Metrics) count(f *folder) {
	for s, n := range f.tally.status {
		m.Rows.WithLabelValues(bulk.Status(s).String()).Add(float64(n))
	}
	m.Skipped.WithLabelValues("redelivered").Add(float64(f.tally.redelivered))
	m.Skipped.WithLabelValues("gap").Add(float64(f.tally.gaps))
	m.Skipped.WithLabelValues("unknown_upload").Add(float64(f.tally.unknown))
	m.Skipped.WithLabelValues("dead_letter").Add(float64(f.tally.rowless))
}

func partitionLabel(s bulk.Source) string { return strconv.Itoa(int(s.Partition)) }
