package split

import "github.com/prometheus/client_golang/prometheus"

// Metrics of the split.
type Metrics struct {
	Events prometheus.Counter
}

// NewMetrics registers the metrics of the split.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{Events: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sluice_producer_events_total", Help: "Records the split put on the log: row events, and results of rejected rows.",
	})}
	reg.MustRegister(m.Events)
	return m
}
