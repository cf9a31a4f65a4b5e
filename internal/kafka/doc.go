// Package kafka produces to, consumes from and commits to a Kafka cluster. It is
// the only package that imports the Kafka client, and it stays below that
// client's Reader and Writer: produce requests carry record batches encoded here
// with a producer id and sequence numbers, fetch responses are decoded here, and
// only the group membership and the connections are the client's. The same code
// serves the embedded broker and Apache Kafka.
//
// Guarantees. Produce returns nil only when every in-sync replica of every
// partition has acknowledged; a batch whose acknowledgement was lost is sent again
// with the same bytes and sequence, which a broker that remembers the producer
// drops. A broker that has forgotten it (the embedded one after a crash) may append
// it twice, so consumers must recognise repeats. A consumer sees every record of
// the partitions it owns at least once and in offset order.
//
// The package knows nothing of what the records mean.
package kafka
