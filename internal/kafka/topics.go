package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
)

// TopicConfig describes a topic to create.
type TopicConfig struct {
	Name              string
	Partitions        int
	ReplicationFactor int               // 0 or -1: the broker's default
	Configs           map[string]string // "retention.bytes" and the like
}

// EnsureTopics creates the topics that do not exist and waits until every partition
// of all of them has a leader that answers. A topic that exists stays as it is, also
// if it differs. It may be repeated and retries until ctx ends.
func (c *Client) EnsureTopics(ctx context.Context, topics []TopicConfig) error {
	for _, t := range topics {
		err := c.retry(ctx, "creating topic "+t.Name, func(ctx context.Context) error {
			return c.createTopic(ctx, t)
		})
		if err != nil {
			return err
		}
	}
	for _, t := range topics {
		if err := c.waitTopic(ctx, t.Name); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) createTopic(ctx context.Context, t TopicConfig) error {
	if err := c.refresh(ctx, c.now(), t.Name); err != nil {
		return err
	}
	if state := c.cluster.topic(t.Name); len(state.leaders) > 0 {
		return nil
	}
	replicas := t.ReplicationFactor
	if replicas <= 0 {
		replicas = -1
	}
	req := createtopics.RequestTopic{
		Name:              t.Name,
		NumPartitions:     int32(t.Partitions),
		ReplicationFactor: int16(replicas),
	}
	for _, name := range slices.Sorted(maps.Keys(t.Configs)) {
		req.Configs = append(req.Configs, createtopics.RequestConfig{Name: name, Value: t.Configs[name]})
	}
	c.cluster.mu.Lock()
	addr := c.cluster.brokers[c.cluster.controller]
	c.cluster.mu.Unlock()
	if addr == nil {
		addr = c.bootstrap
	}
	res, err := c.ask(ctx, addr, &createtopics.Request{
		Topics:    []createtopics.RequestTopic{req},
		TimeoutMs: millis(c.opts.RequestTimeout / 2),
	})
	if err != nil {
		return err
	}
	m, ok := res.(*createtopics.Response)
	if !ok || len(m.Topics) != 1 {
		return fmt.Errorf("unexpected answer of type %T", res)
	}
	if code := m.Topics[0].ErrorCode; code != 0 && code != codeTopicExists {
		return &Error{Op: "create topic", Topic: t.Name, Partition: -1, Code: code, Detail: m.Topics[0].ErrorMessage}
	}
	return nil
}

// waitTopic waits until all partitions of a topic have a leader that answers.
func (c *Client) waitTopic(ctx context.Context, topic string) error {
	n := 0
	err := c.retry(ctx, "waiting for topic "+topic, func(ctx context.Context) error {
		if err := c.refresh(ctx, c.now(), topic); err != nil {
			return err
		}
		t := c.cluster.topic(topic)
		if n = len(t.leaders); n == 0 {
			return &Error{Op: "metadata", Topic: topic, Partition: -1, Code: codeUnknownTopic}
		}
		if p := slices.Index(t.leaders, noLeader); p >= 0 {
			return &Error{Op: "metadata", Topic: topic, Partition: int32(p), Code: codeLeaderNotAvailable}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = c.listOffsets(ctx, topic, allPartitions(n), timestampLatest)
	return err
}

// WaitReady waits until the cluster serves: topics (by default all that this client
// has used) have leaders that answer, producer ids are given out and groups have a
// coordinator. A cluster that has just started refuses each of these for a while.
func (c *Client) WaitReady(ctx context.Context, topics ...string) error {
	if err := c.retry(ctx, "reaching the cluster", func(ctx context.Context) error {
		return c.refresh(ctx, c.now())
	}); err != nil {
		return err
	}
	if len(topics) == 0 {
		topics = c.cluster.knownTopics()
	}
	for _, topic := range topics {
		if err := c.waitTopic(ctx, topic); err != nil {
			return err
		}
	}
	if _, err := c.newProducerID(ctx); err != nil {
		return err
	}
	_, err := c.coordinator(ctx, c.opts.ClientID)
	return err
}

// coordinator returns the broker that coordinates a group.
func (c *Client) coordinator(ctx context.Context, group string) (int32, error) {
	id := noLeader
	err := c.retry(ctx, "finding coordinator", func(ctx context.Context) error {
		res, err := c.ask(ctx, c.bootstrap, &findcoordinator.Request{Key: group})
		if err != nil {
			return err
		}
		m, ok := res.(*findcoordinator.Response)
		if !ok {
			return fmt.Errorf("unexpected answer of type %T", res)
		}
		if m.ErrorCode != 0 {
			return &Error{Op: "find coordinator", Code: m.ErrorCode, Detail: m.ErrorMessage}
		}
		id = m.NodeID
		if c.cluster.address(id) == nil {
			if err := c.refresh(ctx, c.now()); err != nil {
				return err
			}
		}
		return nil
	})
	return id, err
}

// askBroker sends req to a broker by its number.
func (c *Client) askBroker(ctx context.Context, id int32, req protocol.Message) (protocol.Message, error) {
	addr := c.cluster.address(id)
	if addr == nil {
		return nil, &Error{Op: "reaching broker", Code: codeBrokerNotAvailable}
	}
	return c.ask(ctx, addr, req)
}

func allPartitions(n int) []int32 {
	all := make([]int32, 0, n)
	for p := range n {
		all = append(all, int32(p))
	}
	return all
}
