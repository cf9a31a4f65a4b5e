// Package aggregate owns partitions of bulk.results: it counts the results of
// each upload, sees when every row has one, and then finishes the upload in a
// leased job: result files, the BulkResponse, its publication.
//
// It counts by marks, never by arrival: a result that comes again, or twice in
// different cuts, counts once, and a gap shows itself.
package aggregate
