package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// readyTopic is made to see that topics can be made, and stays: deleting a
	// topic this young makes the broker fill its log with warnings.
	readyTopic   = "sluice-ready"
	readyTimeout = 60 * time.Second
)

// waitUsable returns when every node has joined and the coordinators, which
// are cold after a start, have answered once. An open port says neither.
func (k *Kafka) waitUsable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	transport := &kafka.Transport{MetadataTTL: 100 * time.Millisecond, DialTimeout: time.Second}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(k.Brokers()...), Transport: transport, Timeout: 5 * time.Second}
	checks := []struct {
		name  string
		check func(context.Context, *kafka.Client) error
	}{
		{"all nodes known", k.checkNodes},
		{"create topic", k.checkCreateTopic},
		{"list offsets", checkOffsets},
		{"producer id", checkProducerID},
		{"group join", k.checkGroup},
	}
	for _, c := range checks {
		err := k.waitReady(ctx, func(ctx context.Context) error { return c.check(ctx, client) })
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// waitReady watches the first running node; the others' end shows as a check
// that never passes.
func (k *Kafka) waitReady(ctx context.Context, probe func(context.Context) error) error {
	for _, n := range k.nodes {
		if !n.process.hasEnded() {
			return n.process.waitReady(ctx, fmt.Sprintf("Kafka node %d", n.id), probe)
		}
	}
	return k.nodes[0].process.endedError("Kafka node 1")
}

func (k *Kafka) checkNodes(ctx context.Context, client *kafka.Client) error {
	alive := 0
	for _, n := range k.nodes {
		if !n.process.hasEnded() {
			alive++
		}
	}
	metadata, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return err
	}
	if len(metadata.Brokers) < alive {
		return fmt.Errorf("%d of %d brokers", len(metadata.Brokers), alive)
	}
	return nil
}

func (k *Kafka) checkCreateTopic(ctx context.Context, client *kafka.Client) error {
	made, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: readyTopic, NumPartitions: len(k.nodes), ReplicationFactor: min(3, len(k.nodes)),
	}}})
	if err != nil {
		return err
	}
	if err := made.Errors[readyTopic]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return err
	}
	return nil
}

func checkOffsets(ctx context.Context, client *kafka.Client) error {
	metadata, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{readyTopic}})
	if err != nil {
		return err
	}
	if len(metadata.Topics) != 1 || len(metadata.Topics[0].Partitions) == 0 {
		return errors.New("the topic is not in the metadata yet")
	}
	var wanted []kafka.OffsetRequest
	for _, p := range metadata.Topics[0].Partitions {
		wanted = append(wanted, kafka.LastOffsetOf(p.ID))
	}
	listed, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{readyTopic: wanted}})
	if err != nil {
		return err
	}
	if len(listed.Topics[readyTopic]) != len(wanted) {
		return fmt.Errorf("offsets of %d partitions out of %d", len(listed.Topics[readyTopic]), len(wanted))
	}
	for _, p := range listed.Topics[readyTopic] {
		if p.Error != nil {
			return p.Error
		}
	}
	return nil
}

func checkProducerID(ctx context.Context, client *kafka.Client) error {
	// -1 and -1 are the protocol's "none yet"; zero is a producer's number.
	answer, err := client.InitProducerID(ctx, &kafka.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1, TransactionTimeoutMs: 10000})
	if err != nil {
		return err
	}
	return answer.Error
}

func (k *Kafka) checkGroup(ctx context.Context, _ *kafka.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: readyTopic, Brokers: k.Brokers(), Topics: []string{readyTopic}, JoinGroupBackoff: 50 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	_, err = group.Next(ctx)
	return errors.Join(err, group.Close())
}
