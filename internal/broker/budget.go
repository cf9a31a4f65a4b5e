package broker

import "strconv"

const (
	// minRetentionBytes keeps a partition from being emptied: at least the last
	// batch always fits.
	minRetentionBytes = 2 << 20

	minSegmentBytes = 1 << 20
	maxSegmentBytes = 64 << 20

	// defaultShare of the cap goes to a topic that asks for no size.
	defaultShare = 16
)

// Configuration keys of a topic, as in Apache Kafka.
const (
	keyRetentionBytes = "retention.bytes"
	keyRetentionMs    = "retention.ms"
	keySegmentBytes   = "segment.bytes"
	keyCleanupPolicy  = "cleanup.policy"
	keyMaxMessage     = "max.message.bytes"
)

// segmentBytes is the file size for a partition of that retention. Retention
// drops batches, the disk is freed by whole files: a partition takes up to its
// retention and one segment.
func segmentBytes(retention int64) int64 {
	return min(max(retention/4, minSegmentBytes), maxSegmentBytes)
}

// topicCost is the disk space, in bytes, that a topic may come to.
func topicCost(partitions int, retention int64) int64 {
	return int64(partitions) * (retention + segmentBytes(retention))
}

// grantRetention decides retention.bytes of a topic: what is wished (zero or
// less: a share of the cap), at most what is free, never below the least. It is
// false if not even the least fits.
func grantRetention(wish int64, partitions int, free, maxLog int64) (int64, bool) {
	if partitions < 1 || topicCost(1, minRetentionBytes) > free/int64(partitions) {
		return 0, false
	}
	if wish <= 0 {
		wish = maxLog / defaultShare / int64(partitions)
	}
	per := free / int64(partitions)
	fits := per * 4 / 5 // one fifth for the segment, unless its size is bounded
	switch segmentBytes(fits) {
	case minSegmentBytes:
		fits = per - minSegmentBytes
	case maxSegmentBytes:
		fits = per - maxSegmentBytes
	}
	return max(min(wish, fits), minRetentionBytes), true
}

// fitTopics sets the sizes of stored topics that have none, and shrinks all in
// proportion if they come to more than maxLog, which may be lower than it was.
// The least of each partition is kept even if that is too much. It reports
// whether anything changed.
func fitTopics(topics []storedTopic, maxLog int64) bool {
	var total int64
	sizes := make([]int64, len(topics))
	for i, t := range topics {
		sizes[i], _ = strconv.ParseInt(t.Configs[keyRetentionBytes], 10, 64)
		if sizes[i] <= 0 {
			sizes[i] = maxLog / defaultShare / max(int64(t.Partitions), 1)
		}
		sizes[i] = max(sizes[i], minRetentionBytes)
		total += topicCost(t.Partitions, sizes[i])
	}
	changed := false
	for i, t := range topics {
		if total > maxLog {
			sizes[i] = max(int64(float64(sizes[i])*float64(maxLog)/float64(total)), minRetentionBytes)
		}
		if topics[i].Configs == nil {
			topics[i].Configs = make(map[string]string)
		}
		for key, value := range sizeConfigs(sizes[i]) {
			if t.Configs[key] != value {
				topics[i].Configs[key] = value
				changed = true
			}
		}
	}
	return changed
}

// sizeConfigs are the settings the broker decides for a topic of that
// retention. Time does not drop anything, for it could drop everything; nor does
// compaction, for it rewrites files in a way that a crash may lose.
func sizeConfigs(retention int64) map[string]string {
	return map[string]string{
		keyRetentionBytes: strconv.FormatInt(retention, 10),
		keySegmentBytes:   strconv.FormatInt(segmentBytes(retention), 10),
		keyRetentionMs:    "-1",
		keyCleanupPolicy:  "delete",
	}
}
