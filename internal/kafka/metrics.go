package kafka

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	producedRecords  prometheus.Counter
	producedBytes    prometheus.Counter
	produceRequests  *prometheus.CounterVec
	produceRetries   prometheus.Counter
	producerRenewals prometheus.Counter
	fetchRequests    *prometheus.CounterVec
	fetchedBytes     prometheus.Counter
	consumedRecords  prometheus.Counter
	generations      *prometheus.CounterVec
	handlerRestarts  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return register(reg, prometheus.NewCounter(prometheus.CounterOpts{Name: "sluice_kafka_" + name, Help: help}))
	}
	byResult := func(name, help string) *prometheus.CounterVec {
		return register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sluice_kafka_" + name, Help: help}, []string{"result"}))
	}
	return &metrics{
		producedRecords:  counter("produced_records_total", "Records acknowledged by all in-sync replicas."),
		producedBytes:    counter("produced_bytes_total", "Bytes of acknowledged record batches, as sent."),
		produceRequests:  byResult("produce_requests_total", "Produce requests by result: ok, refused (an error code) or failed (no answer)."),
		produceRetries:   counter("produce_retries_total", "Record batches sent again."),
		producerRenewals: counter("producer_renewals_total", "Producer ids given up for new ones."),
		fetchRequests:    byResult("fetch_requests_total", "Fetch requests by result: ok, refused or failed."),
		fetchedBytes:     counter("fetched_bytes_total", "Bytes of fetched record batches."),
		consumedRecords:  counter("consumed_records_total", "Records handed to handlers and readers."),
		generations:      byResult("group_generations_total", "Consumer group generations joined (ok) and errors on the way (failed)."),
		handlerRestarts:  counter("handler_restarts_total", "Partition handlers started again after they ended early."),
	}
}

// register adds collector to reg, or returns the one that another Client of the
// same process has registered before.
func register[T prometheus.Collector](reg prometheus.Registerer, collector T) T {
	if reg == nil {
		return collector
	}
	var already prometheus.AlreadyRegisteredError
	if err := reg.Register(collector); errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(T); ok {
			return existing
		}
	}
	return collector
}
