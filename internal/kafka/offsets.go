package kafka

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
)

// What ListOffsets is asked for in place of a time.
const (
	timestampLatest   int64 = -1
	timestampEarliest int64 = -2
)

// Offsets returns the first offset that a partition holds and the one after its
// last. It retries until ctx ends, but a topic unknown for five seconds is
// ErrUnknownTopic.
func (c *Client) Offsets(ctx context.Context, topic string, partition int32) (first, end int64, err error) {
	one := []int32{partition}
	ends, err := c.listOffsets(ctx, topic, one, timestampLatest)
	if err != nil {
		return 0, 0, err
	}
	firsts, err := c.listOffsets(ctx, topic, one, timestampEarliest)
	if err != nil {
		return 0, 0, err
	}
	return firsts[partition], ends[partition], nil
}

// listOffsets asks the leaders for one offset of each partition.
func (c *Client) listOffsets(ctx context.Context, topic string, partitions []int32, timestamp int64) (map[int32]int64, error) {
	found := make(map[int32]int64, len(partitions))
	err := c.retry(ctx, "listing offsets of "+topic, func(ctx context.Context) error {
		asked := c.now()
		err := c.listOffsetsOnce(ctx, topic, partitions, timestamp, found)
		if err == nil {
			return nil
		}
		if refreshErr := c.refresh(ctx, asked, topic); refreshErr != nil {
			return refreshErr
		}
		return err
	})
	return found, err
}

// listOffsetsOnce asks for what found lacks and returns the first error code.
func (c *Client) listOffsetsOnce(ctx context.Context, topic string, partitions []int32, timestamp int64, found map[int32]int64) error {
	byLeader := map[int32][]listoffsets.RequestPartition{}
	var firstErr error
	for _, p := range partitions {
		if _, ok := found[p]; ok {
			continue
		}
		leader := c.cluster.leader(topic, p)
		if leader == noLeader {
			code := codeLeaderNotAvailable
			if c.cluster.topic(topic).isUnknown {
				code = codeUnknownTopic
			}
			firstErr = &Error{Op: "list offsets", Topic: topic, Partition: p, Code: code}
			continue
		}
		byLeader[leader] = append(byLeader[leader], listoffsets.RequestPartition{Partition: p, CurrentLeaderEpoch: -1, Timestamp: timestamp})
	}
	for leader, parts := range byLeader {
		res, err := c.askBroker(ctx, leader, &listoffsets.Request{
			ReplicaID: -1,
			Topics:    []listoffsets.RequestTopic{{Topic: topic, Partitions: parts}},
		})
		if err != nil {
			firstErr = err
			continue
		}
		m, ok := res.(*listoffsets.Response)
		if !ok {
			return fmt.Errorf("unexpected answer of type %T", res)
		}
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					firstErr = &Error{Op: "list offsets", Topic: topic, Partition: p.Partition, Code: p.ErrorCode}
					continue
				}
				found[p.Partition] = p.Offset
			}
		}
	}
	if firstErr == nil && len(found) < len(partitions) {
		return fmt.Errorf("%d of %d partitions answered", len(found), len(partitions))
	}
	return firstErr
}

// PartitionLag is how far a group is behind in one partition.
type PartitionLag struct {
	Partition int32
	Committed int64 // -1: nothing was committed
	First     int64
	End       int64
}

// Lag is the number of offsets not yet committed, or not yet dropped by retention.
func (l PartitionLag) Lag() int64 { return max(0, l.End-max(l.Committed, l.First)) }

// GroupLag returns what a group has committed in each partition of a topic beside
// the partition's bounds. It retries until ctx ends.
func (c *Client) GroupLag(ctx context.Context, group, topic string) ([]PartitionLag, error) {
	n, err := c.Partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	parts := allPartitions(n)
	ends, err := c.listOffsets(ctx, topic, parts, timestampLatest)
	if err != nil {
		return nil, err
	}
	firsts, err := c.listOffsets(ctx, topic, parts, timestampEarliest)
	if err != nil {
		return nil, err
	}
	lags := make([]PartitionLag, n)
	for i, p := range parts {
		lags[i] = PartitionLag{Partition: p, Committed: -1, First: firsts[p], End: ends[p]}
	}
	err = c.retry(ctx, "reading commits of "+group, func(ctx context.Context) error {
		return c.readCommits(ctx, group, topic, parts, lags)
	})
	return lags, err
}

func (c *Client) readCommits(ctx context.Context, group, topic string, parts []int32, lags []PartitionLag) error {
	id, err := c.coordinator(ctx, group)
	if err != nil {
		return err
	}
	res, err := c.askBroker(ctx, id, &offsetfetch.Request{
		GroupID: group,
		Topics:  []offsetfetch.RequestTopic{{Name: topic, PartitionIndexes: parts}},
	})
	if err != nil {
		return err
	}
	m, ok := res.(*offsetfetch.Response)
	if !ok {
		return fmt.Errorf("unexpected answer of type %T", res)
	}
	if m.ErrorCode != 0 {
		return &Error{Op: "offset fetch", Code: m.ErrorCode}
	}
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return &Error{Op: "offset fetch", Topic: topic, Partition: p.PartitionIndex, Code: p.ErrorCode}
			}
			if p.PartitionIndex >= 0 && int(p.PartitionIndex) < len(lags) {
				lags[p.PartitionIndex].Committed = p.CommittedOffset
			}
		}
	}
	return nil
}

// millis is a duration as requests carry it.
func millis(d time.Duration) int32 {
	return int32(min(d.Milliseconds(), math.MaxInt32))
}
