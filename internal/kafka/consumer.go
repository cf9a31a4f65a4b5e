package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// ConsumerOptions says what a group reads. Group and Topics are required.
type ConsumerOptions struct {
	Group         string
	Topics        []string
	MaxFetchBytes int           // of one partition, at a time; default 1 MiB
	MaxWait       time.Duration // of a fetch request without records; default 500 ms
}

// Handler reads one partition until ctx ends, which it does when the partition goes
// to another member or Consume's ctx ends. The group waits for it to return, but no
// longer than the session timeout: then another member may own the partition too.
type Handler func(ctx context.Context, p *Partition) error

const (
	heartbeatInterval = 500 * time.Millisecond
	joinBackoff       = 250 * time.Millisecond
	// closeGrace is how long leaving a group may take before its connections are cut.
	closeGrace = 5 * time.Second
	// shortGeneration and its pause keep a group that cannot settle from spinning.
	shortGeneration = time.Second
	shortPause      = 300 * time.Millisecond
	logEvery        = 20 // failures to join: a few seconds
)

// Consume joins a group and calls handle, each time in a goroutine of its own, for
// every partition that is assigned to this member. A handler that returns while its
// partition is still owned is called again after a pause that grows from 100 ms to
// 5 s. Consume survives whatever happens to brokers and group. It blocks until ctx
// ends, then waits for the handlers, leaves the group and returns nil.
func (c *Client) Consume(ctx context.Context, o ConsumerOptions, handle Handler) error {
	if o.MaxFetchBytes <= 0 {
		o.MaxFetchBytes = defaultFetchBytes
	}
	if o.MaxWait <= 0 {
		o.MaxWait = defaultMaxWait
	}
	for _, topic := range o.Topics {
		if err := c.waitForTopic(ctx, topic); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	groupDialer := newDialer()
	defer groupDialer.close()
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID:                     o.Group,
		Brokers:                c.opts.Brokers,
		Topics:                 o.Topics,
		Dialer:                 &kafkago.Dialer{ClientID: c.opts.ClientID, Timeout: 3 * time.Second, DialFunc: groupDialer.dial},
		HeartbeatInterval:      min(heartbeatInterval, c.opts.SessionTimeout/3),
		SessionTimeout:         c.opts.SessionTimeout,
		RebalanceTimeout:       c.opts.SessionTimeout,
		JoinGroupBackoff:       joinBackoff,
		WatchPartitionChanges:  true,
		PartitionWatchInterval: 10 * time.Second,
		StartOffset:            kafkago.FirstOffset,
		Timeout:                closeGrace,
	})
	if err != nil {
		return fmt.Errorf("joining group %s: %w", o.Group, err)
	}
	m := &member{c: c, options: o, handle: handle}
	m.run(ctx, group)
	cut := time.AfterFunc(closeGrace, groupDialer.close)
	defer cut.Stop()
	if err := group.Close(); err != nil {
		return fmt.Errorf("leaving group %s: %w", o.Group, err)
	}
	return nil
}

// waitForTopic waits until a topic exists: a group without partitions would rejoin
// over and over.
func (c *Client) waitForTopic(ctx context.Context, topic string) error {
	for {
		_, err := c.Partitions(ctx, topic)
		if err == nil || ctx.Err() != nil || !errors.Is(err, ErrUnknownTopic) {
			return err
		}
		c.log.Warn("topic does not exist yet", "topic", topic)
	}
}

// member is one membership in a group.
type member struct {
	c       *Client
	options ConsumerOptions
	handle  Handler
}

// run serves one generation of the group after another until ctx ends.
func (m *member) run(ctx context.Context, group *kafkago.ConsumerGroup) {
	short, failed := 0, 0
	for ctx.Err() == nil {
		gen, err := group.Next(ctx)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, kafkago.ErrGroupClosed) {
				return
			}
			m.c.metrics.generations.WithLabelValues("failed").Inc()
			if failed%logEvery == 0 {
				m.c.log.Warn("joining group is being retried", "group", m.options.Group, "tries", failed+1, "err", err)
			}
			failed++
			continue
		}
		failed = 0
		m.c.metrics.generations.WithLabelValues("ok").Inc()
		began := m.c.now()
		done := make(chan struct{})
		gen.Start(func(genCtx context.Context) {
			defer close(done)
			m.generation(ctx, genCtx, gen)
		})
		<-done
		if short++; m.c.now().Sub(began) >= shortGeneration {
			short = 0
		}
		if short > 2 && pause(ctx, shortPause) != nil {
			return
		}
	}
}

// generation runs the handlers of one assignment and returns when it is over and all
// of them have returned: only then the group goes on.
func (m *member) generation(ctx, genCtx context.Context, gen *kafkago.Generation) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(genCtx, cancel)()
	a := newAssignment(m, gen)
	m.c.log.Info("partitions assigned", "group", m.options.Group, "generation", gen.ID, "partitions", a.count())
	a.run(ctx)
	<-ctx.Done()
}
