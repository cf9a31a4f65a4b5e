// Package e2e tests the real binary as a process: what callers send and get over
// HTTP, what stands on the topics and in the files, what the commands print, and
// what is left after a kill.
//
// Every test runs on the embedded parts. With the build tag "servers" it runs
// again on Apache Kafka and PostgreSQL. Nothing here knows how the product is
// made inside: only its command line, its HTTP API and its topics.
package e2e
