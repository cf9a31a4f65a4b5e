package event

import (
	"encoding/binary"
	"sync"

	"sluice/internal/bulk"
	"sluice/schemas"
)

// IDs are the schema ids in front of the values, as the registry gave them.
type IDs struct {
	CustomerUpdate int
	BulkResult     int
	CustomerChange int
	BulkResponse   int
}

// DefaultIDs are the ids of the embedded registry.
func DefaultIDs() IDs {
	return IDs{
		CustomerUpdate: schemas.IDCustomerUpdate,
		BulkResult:     schemas.IDBulkResult,
		CustomerChange: schemas.IDCustomerChange,
		BulkResponse:   schemas.IDBulkResponse,
	}
}

// Limits of what is put on the log.
const (
	// MaxRecordBytes is the size no record exceeds, headers and key included.
	MaxRecordBytes = 900 << 10
	// MaxValueBytes leaves room for key and headers.
	MaxValueBytes = MaxRecordBytes - 16<<10
)

// Codec encodes and decodes the values of every topic. It does not change once
// made and is safe for concurrent use.
//
// Append methods append to dst and return it, and allocate only when dst must
// grow. They can not fail: texts of rows, changes and responses must be valid
// UTF-8 already, those of results and issues are made valid.
//
// Decode methods read exactly what the Append methods write, and every other
// encoding that Avro allows for the same schema. They replace all of their
// target, report every failure as *DecodeError, and never keep the bytes they
// read: texts share one copy of them.
type Codec struct {
	update, result, change, response prefix
	values                           headerValues
	trees                            func() (map[prefix]*node, error)
}

var _ bulk.DocCodec = (*Codec)(nil)

// prefix is what stands in front of an Avro body: a zero byte and the schema id.
type prefix [prefixLen]byte

const prefixLen = 5

func newPrefix(id int) prefix {
	var p prefix
	binary.BigEndian.PutUint32(p[1:], uint32(id))
	return p
}

// NewCodec makes a codec for the given schema ids.
func NewCodec(ids IDs) *Codec {
	c := &Codec{
		update:   newPrefix(ids.CustomerUpdate),
		result:   newPrefix(ids.BulkResult),
		change:   newPrefix(ids.CustomerChange),
		response: newPrefix(ids.BulkResponse),
		values:   newHeaderValues(),
	}
	c.trees = sync.OnceValues(c.parseSchemas)
	return c
}
