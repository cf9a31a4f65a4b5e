// Package apply owns partitions of customer.updates and makes the rows in them
// take effect exactly once: it decodes a batch, folds the rows of each customer
// in order, writes customers, journal, marks and progress in one store
// transaction, and then publishes what the journal holds.
//
// It must not know what store or log it stands on, and it never trusts the
// offsets of the log's consumer group: progress in the store is the truth.
package apply
