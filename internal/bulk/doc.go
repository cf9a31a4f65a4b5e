// Package bulk is the domain: uploads, rows, results, responses, and the small
// interfaces between the roles (producer, apply, aggregate, analytics) and what
// they stand on (a store, a log, a file store). It knows no technology: no SQL,
// no Kafka, no Avro, no HTTP.
package bulk
