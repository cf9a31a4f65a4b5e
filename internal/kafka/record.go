package kafka

import (
	"math"
	"time"
)

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record of a topic. A nil Value is a tombstone and a nil Key is no
// key; empty ones are something else and stay empty.
type Record struct {
	Topic     string
	Partition int32 // Produce: -1 means PartitionFor(Key, partitions of the topic)
	Offset    int64 // set by the broker; ignored by Produce
	Time      time.Time
	Key       []byte
	Value     []byte
	Headers   []Header
}

// ByKey is the Partition of a record whose partition follows from its key.
const ByKey int32 = -1

// PartitionFor returns the partition of a key in a topic of so many partitions:
// the absolute value of the signed FNV-1a hash modulo partitions, the rule of
// Sarama and of kafka-go's Hash balancer, so that other clients agree. It returns
// 0 if partitions is not positive.
func PartitionFor(key []byte, partitions int) int32 {
	if partitions <= 1 || partitions > math.MaxInt32 {
		return 0
	}
	const offset, prime = 2166136261, 16777619
	hash := uint32(offset)
	for _, c := range key {
		hash = (hash ^ uint32(c)) * prime
	}
	p := int32(hash) % int32(partitions)
	if p < 0 {
		p = -p
	}
	return p
}
