package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Where Read can begin besides at an offset.
const (
	First int64 = -2 // the first record that the partition holds
	End   int64 = -1 // the first record that arrives from now on
)

const (
	defaultFetchBytes = 1 << 20
	defaultMaxWait    = 500 * time.Millisecond
)

// Read calls fn with the batches of one partition, outside of any group, from an
// offset, First or End on. It ends with fn's error, an error of Fetch, or ctx's.
func (c *Client) Read(ctx context.Context, topic string, partition int32, from int64, fn func(*Batch) error) error {
	if from < 0 {
		first, end, err := c.Offsets(ctx, topic, partition)
		if err != nil {
			return err
		}
		if from == End {
			first = end
		}
		from = first
	} else if _, err := c.Partitions(ctx, topic); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	f := newFetcher(c, defaultMaxWait)
	var wg sync.WaitGroup
	wg.Go(func() { f.run(ctx) })
	defer wg.Wait()
	defer cancel()
	p := newPartition(f, topicPartition{topic, partition}, defaultFetchBytes)
	p.generation = -1
	defer p.close()
	p.SeekTo(from)
	for {
		b, err := p.Fetch(ctx)
		if err != nil {
			return fmt.Errorf("reading %s/%d: %w", topic, partition, err)
		}
		if err := fn(b); err != nil {
			return err
		}
	}
}
