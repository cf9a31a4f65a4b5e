// Package postgres is the store in PostgreSQL (15 and later), for any number of
// processes. It implements every store interface of package bulk.
//
// A batch takes two trips: the first reads without a lock, then the caller
// decides, and the second writes everything as one transaction that begins with
// the compare-and-swap of progress, finds each customer by ctid and version, and
// commits without the client having to look in between (see burst.go). What a
// batch read and somebody else changed meanwhile makes it begin anew.
//
// Times are the server's; only the time of acceptance is the caller's. Documents
// are known through bulk.DocCodec alone, nothing of events, topics' contents or
// HTTP.
package postgres
