package split

import "github.com/prometheus/client_golang/prometheus"

// Metrics of the split.
type Metrics struct {
	Events  prometheus.Counter
	Seconds prometheus.Histogram
}

// NewMetrics registers the metrics of the split.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_producer_events_total", Help: "Records the split put on the log: row events, and results of rejected rows.",
		}),
		Seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sluice_producer_split_seconds", Help: "Seconds of one turn of splitting an upload; a large upload takes many.",
			Buckets: prometheus.ExponentialBuckets(0.002, 2.5, 10),
		}),
	}
	reg.MustRegister(m.Events, m.Seconds)
	return m
}
