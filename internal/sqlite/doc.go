// Package sqlite is the embedded store: customers, uploads, journal, jobs and
// settings in one SQLite file. It implements every store interface of package
// bulk.
//
// There is one writing connection, taken in turns, and a small pool of reading
// ones, which see a snapshot and never wait for the writer. The file belongs to
// one process at a time; whoever opens it must hold the data directory's lock.
// Commits are durable (WAL with synchronous=FULL). It knows documents only
// through bulk.DocCodec, and nothing of events, topics' contents or HTTP.
package sqlite
