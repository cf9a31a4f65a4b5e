package intake

import "github.com/prometheus/client_golang/prometheus"

// Metrics of the intake.
type Metrics struct {
	Seconds prometheus.Histogram
}

// NewMetrics registers the metrics of the intake.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{Seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "sluice_producer_intake_seconds", Help: "Seconds to take a file in, from its first byte to the synced spool.",
		Buckets: prometheus.ExponentialBuckets(0.002, 2.5, 14),
	})}
	reg.MustRegister(m.Seconds)
	return m
}
