package event

import (
	"slices"
	"strconv"

	"sluice/internal/bulk"
)

// maxReasonBytes bounds the reason of a dead letter.
const maxReasonBytes = 256

// DeadLetterRecord makes the dead letter of a record that can not be read: its
// key, value and headers as received, and besides the reason and where it stood.
// The reason must hold nothing of the content.
//
// What is too large for the log with these headers is cut, and the header
// cutFrom says how many bytes the value had: no record may stop a partition.
func DeadLetterRecord(rec *bulk.Record, reason string) bulk.Record {
	dead := bulk.Record{
		Topic: bulk.TopicDeadLetters, Partition: bulk.AnyPartition,
		Key: slices.Clone(rec.Key), Value: slices.Clone(rec.Value),
	}
	for _, h := range rec.Headers {
		dead.Headers = append(dead.Headers, bulk.Header{Key: h.Key, Value: slices.Clone(h.Value)})
	}
	if len(reason) > maxReasonBytes {
		reason = reason[:maxReasonBytes]
	}
	added := []bulk.Header{
		{Key: headerReason, Value: []byte(reason)},
		{Key: headerTopic, Value: []byte(rec.Topic)},
		{Key: headerPartition, Value: strconv.AppendInt(nil, int64(rec.Partition), 10)},
		{Key: headerOffset, Value: strconv.AppendInt(nil, rec.Offset, 10)},
	}
	if recordBytes(&dead) > MaxRecordBytes-1024 {
		cutDeadLetter(&dead)
		added = append(added, bulk.Header{Key: headerCutFrom, Value: strconv.AppendInt(nil, int64(len(rec.Value)), 10)})
	}
	dead.Headers = append(dead.Headers, added...)
	return dead
}

// cutDeadLetter keeps the beginning of key and value, and of the headers those
// that name the row.
func cutDeadLetter(rec *bulk.Record) {
	const maxKeyBytes, maxHeaderBytes = 4 << 10, 256
	rec.Headers = slices.DeleteFunc(rec.Headers, func(h bulk.Header) bool {
		isOurs := h.Key == headerUpload || h.Key == headerRow || h.Key == headerPrev
		return !isOurs || len(h.Value) > maxHeaderBytes
	})
	rec.Headers = rec.Headers[:min(len(rec.Headers), 3)]
	rec.Key = rec.Key[:min(len(rec.Key), maxKeyBytes)]
	rec.Value = rec.Value[:min(len(rec.Value), MaxValueBytes)]
}

// recordBytes estimates what a record takes on the log.
func recordBytes(rec *bulk.Record) int {
	n := len(rec.Key) + len(rec.Value)
	for i := range rec.Headers {
		n += len(rec.Headers[i].Key) + len(rec.Headers[i].Value) + 8
	}
	return n
}
