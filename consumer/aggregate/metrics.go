package aggregate

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"sluice/internal/bulk"
)

// Metrics of the aggregate role.
type Metrics struct {
	Rows          *prometheus.CounterVec // counted, by result
	Skipped       *prometheus.CounterVec // result events that counted nothing, by reason
	Uploads       *prometheus.CounterVec // finished, by outcome
	Moved         prometheus.Counter
	Resent        prometheus.Counter
	FinishSeconds prometheus.Histogram
	Lag           *prometheus.GaugeVec
}

// NewMetrics registers the metrics of the role.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_aggregate_rows_total", Help: "Rows counted, by result.",
		}, []string{"result"}),
		Skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_aggregate_skipped_total", Help: "Result events that counted nothing, by reason.",
		}, []string{"reason"}),
		Uploads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_aggregate_uploads_total", Help: "Finished uploads, by outcome.",
		}, []string{"outcome"}),
		Moved: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_aggregate_moved_total", Help: "Batches thrown away because another owner had moved progress.",
		}),
		Resent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_aggregate_resent_total", Help: "Uploads that stood still and were sent again.",
		}),
		FinishSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sluice_aggregate_finish_seconds", Help: "Seconds to write the result files and the response of an upload.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2.5, 14),
		}),
		Lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_aggregate_lag_records", Help: "Records of bulk.results not yet counted, by partition.",
		}, []string{"partition"}),
	}
	reg.MustRegister(m.Rows, m.Skipped, m.Uploads, m.Moved, m.Resent, m.FinishSeconds, m.Lag)
	return m
}

// count adds a committed batch.
func (m *Metrics) count(t *tallier, letters int) {
	m.Rows.WithLabelValues("applied").Add(float64(t.counted.Applied))
	m.Rows.WithLabelValues("unchanged").Add(float64(t.counted.Unchanged))
	m.Rows.WithLabelValues("failed").Add(float64(t.counted.Failed))
	m.Rows.WithLabelValues("unprocessed").Add(float64(t.counted.Unprocessed))
	m.Skipped.WithLabelValues("redelivered").Add(float64(t.skipped.redelivered))
	m.Skipped.WithLabelValues("gap").Add(float64(t.skipped.gaps))
	m.Skipped.WithLabelValues("unknown_upload").Add(float64(t.skipped.unknown))
	m.Skipped.WithLabelValues("dead_letter").Add(float64(letters))
}

func partitionLabel(s bulk.Source) string { return strconv.Itoa(int(s.Partition)) }
