package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// topicPartition names a partition.
type topicPartition struct {
	topic     string
	partition int32
}

// cluster is what is known of brokers and leaders. It is only ever refreshed on
// demand: an error code or a lost connection says when it is out of date.
type cluster struct {
	mu         sync.Mutex
	brokers    map[int32]net.Addr
	topics     map[string]topicState
	controller int32
	id         string
	turn       chan struct{} // holds one token: one refresh at a time
}

type topicState struct {
	leaders   []int32 // broker by partition, -1 while there is none
	isUnknown bool    // the brokers do not know the topic
	at        time.Time
}

const (
	noLeader        int32 = -1
	partitionsTTL         = 30 * time.Second
	unknownTopicTTL       = 5 * time.Second
)

func newCluster() *cluster {
	c := &cluster{brokers: map[int32]net.Addr{}, topics: map[string]topicState{}, turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	return c
}

// leader returns the broker that leads a partition, or noLeader.
func (c *cluster) leader(topic string, partition int32) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	leaders := c.topics[topic].leaders
	if partition < 0 || int(partition) >= len(leaders) {
		return noLeader
	}
	id := leaders[partition]
	if c.brokers[id] == nil {
		return noLeader
	}
	return id
}

func (c *cluster) topic(name string) topicState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.topics[name]
}

func (c *cluster) knownTopics() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.topics))
	for name, t := range c.topics {
		if !t.isUnknown {
			names = append(names, name)
		}
	}
	return names
}

// address returns where a broker listens, or nil if it is unknown.
func (c *cluster) address(id int32) net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.brokers[id]
}

func (c *cluster) update(res *metadata.Response, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.id, c.controller = res.ClusterID, res.ControllerID
	clear(c.brokers)
	for _, b := range res.Brokers {
		c.brokers[b.NodeID] = kafkago.TCP(net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))))
	}
	for _, t := range res.Topics {
		state := topicState{at: now, isUnknown: t.ErrorCode == codeUnknownTopic}
		for _, p := range t.Partitions {
			for int(p.PartitionIndex) >= len(state.leaders) {
				state.leaders = append(state.leaders, noLeader)
			}
			if p.PartitionIndex >= 0 && p.ErrorCode != codeLeaderNotAvailable {
				state.leaders[p.PartitionIndex] = p.LeaderID
			}
		}
		c.topics[t.Name] = state
	}
}

// refresh asks the cluster for topics anew unless that happened after since, the
// time at which the caller found out that it knew too little. It tries once.
func (c *Client) refresh(ctx context.Context, since time.Time, topics ...string) error {
	select {
	case <-c.cluster.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { c.cluster.turn <- struct{}{} }()
	stale := make([]string, 0, len(topics))
	for _, name := range topics {
		if !c.cluster.topic(name).at.After(since) {
			stale = append(stale, name)
		}
	}
	if len(stale) == 0 && len(topics) > 0 {
		return nil
	}
	res, err := c.ask(ctx, c.bootstrap, &metadata.Request{TopicNames: stale})
	if err != nil {
		return fmt.Errorf("asking for metadata: %w", err)
	}
	m, ok := res.(*metadata.Response)
	if !ok {
		return fmt.Errorf("asking for metadata: answer of type %T", res)
	}
	if len(m.Brokers) == 0 {
		return &Error{Op: "metadata", Code: codeBrokerNotAvailable}
	}
	c.cluster.update(m, c.now())
	return nil
}

// retry calls attempt until it returns nil, an error that cannot pass, or ctx ends;
// then it returns the last error that attempt gave, joined with ctx's. A topic that
// stays unknown for unknownTopicTTL is an error that does not pass.
func (c *Client) retry(ctx context.Context, what string, attempt func(context.Context) error) error {
	wait, started := newBackoff(), c.now()
	for {
		err := attempt(ctx)
		switch {
		case err == nil:
			return nil
		case !isTransient(err), errors.Is(err, ErrUnknownTopic) && c.now().Sub(started) > unknownTopicTTL:
			return fmt.Errorf("%s: %w", what, err)
		}
		if ctxErr := wait.wait(ctx); ctxErr != nil {
			return fmt.Errorf("%s: %w, last: %w", what, ctxErr, err)
		}
	}
}

// ClusterID returns the id of the cluster: who writes down offsets writes it down
// with them, since another cluster's offsets mean nothing. It retries until ctx ends.
func (c *Client) ClusterID(ctx context.Context) (string, error) {
	err := c.retry(ctx, "reading cluster id", func(ctx context.Context) error {
		return c.refresh(ctx, c.now())
	})
	if err != nil {
		return "", err
	}
	c.cluster.mu.Lock()
	defer c.cluster.mu.Unlock()
	return c.cluster.id, nil
}

// Partitions returns the number of partitions of a topic, at most half a minute
// old. A topic unknown for five seconds is ErrUnknownTopic; anything else is
// retried until ctx ends.
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	if t := c.cluster.topic(topic); len(t.leaders) > 0 && c.now().Sub(t.at) < partitionsTTL {
		return len(t.leaders), nil
	}
	n := 0
	err := c.retry(ctx, "counting partitions of "+topic, func(ctx context.Context) error {
		if err := c.refresh(ctx, c.now(), topic); err != nil {
			return err
		}
		if n = len(c.cluster.topic(topic).leaders); n == 0 {
			return &Error{Op: "metadata", Topic: topic, Partition: -1, Code: codeUnknownTopic}
		}
		return nil
	})
	return n, err
}
