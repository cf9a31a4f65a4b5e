// Package server starts and stops real servers for tests: Apache Kafka,
// PostgreSQL and the ClickHouse engine, each as child processes on free
// loopback ports, with their data in a folder of the caller's.
//
// A server never outlives the process that started it: the kernel ends the
// children when their parent dies, however it dies. What the servers are made
// of is fetched by scripts/fetch-tools; this package downloads nothing and
// knows nothing of the testing package.
package server
