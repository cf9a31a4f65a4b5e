package event

import (
	"strconv"

	"sluice/internal/bulk"
)

// Names of headers. Those of CloudEvents follow its Kafka protocol binding 1.0,
// binary content mode.
const (
	headerUpload    = "upload"
	headerRow       = "row"
	headerPrev      = "prev"
	headerLast      = "last"
	headerReason    = "reason"
	headerTopic     = "topic"
	headerPartition = "partition"
	headerOffset    = "offset"
	headerCutFrom   = "cutFrom"
	headerOrigin    = "source"

	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerSource      = "ce_source"
	headerType        = "ce_type"
	headerTime        = "ce_time"
	headerSubject     = "ce_subject"
	headerContentType = "content-type"
)

// The values of ce_type.
const (
	TypeCreated  = "sluice.customer.created"
	TypeUpdated  = "sluice.customer.updated"
	TypeDeleted  = "sluice.customer.deleted"
	TypeFinished = "sluice.upload.finished"
)

// ContentType is the content-type of values: Avro behind the registry's schema
// id. Bare avro/binary would promise a body that begins at the first byte.
const ContentType = "application/vnd.confluent.avro"

// headerValues are the values that never change.
type headerValues struct {
	specVersion, contentType            []byte
	created, updated, deleted, finished []byte
}

func newHeaderValues() headerValues {
	return headerValues{
		specVersion: []byte("1.0"), contentType: []byte(ContentType),
		created: []byte(TypeCreated), updated: []byte(TypeUpdated),
		deleted: []byte(TypeDeleted), finished: []byte(TypeFinished),
	}
}

func (v *headerValues) changed(o bulk.Operation) []byte {
	switch o {
	case bulk.OperationCreated:
		return v.created
	case bulk.OperationDeleted:
		return v.deleted
	case bulk.OperationUpdated:
	}
	return v.updated
}

// AppendRowKey appends the key of a row event: company, a slash, and the
// identity cell; the generated customerId where a created customer's cell is
// empty. Rows of one customer in one file have the same key.
func AppendRowKey(dst []byte, r *bulk.Row) []byte {
	if r.Identity == "" {
		return appendKey(dst, r.Company, r.CustomerID)
	}
	return appendKey(dst, r.Company, r.Identity)
}

func appendKey(dst []byte, company, name string) []byte {
	dst = append(dst, company...)
	dst = append(dst, '/')
	return append(dst, name...)
}

// appendSource appends a ce_source, beneath which ids are unique.
func appendSource(dst []byte, company, what string) []byte {
	dst = append(dst, "/companies/"...)
	dst = append(dst, company...)
	return append(dst, what...)
}

// RowOf reads from the headers alone which row a row event carries, and the row
// before it in the partition, so that an unreadable value still has a known row.
func RowOf(rec *bulk.Record) (upload string, row, prev int64, ok bool) {
	upload = string(rec.HeaderValue(headerUpload))
	row, rowErr := strconv.ParseInt(string(rec.HeaderValue(headerRow)), 10, 64)
	prev, prevErr := strconv.ParseInt(string(rec.HeaderValue(headerPrev)), 10, 64)
	if upload == "" || rowErr != nil || prevErr != nil || prev < 0 || row <= prev {
		return "", 0, 0, false
	}
	return upload, row, prev, true
}

// UploadOf reads from the headers alone, else from the key of result and
// response events, which upload a record speaks of; empty when it is not said.
func UploadOf(rec *bulk.Record) string {
	if v := rec.HeaderValue(headerUpload); v != nil {
		return string(v)
	}
	if rec.Topic == bulk.TopicResults || rec.Topic == bulk.TopicResponses {
		return string(rec.Key)
	}
	return ""
}

// millisLayout is RFC 3339 with milliseconds.
const millisLayout = "2006-01-02T15:04:05.000Z07:00"
