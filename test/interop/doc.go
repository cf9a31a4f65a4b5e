// Package interop proves what outsiders see: an independent consumer in Python,
// ClickHouse, the HTTP API and the store agree to the row on every upload, also
// after redelivery, lost processes, restarts and an analytics store that was away.
//
// Its tests run the real binary as processes, on embedded parts and on Apache
// Kafka with PostgreSQL, and need the build tag "servers":
//
//	scripts/with-servers go test -tags servers ./test/interop/...
package interop
