package kafka

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Error codes of the protocol that this package tells apart, under the names of
// the protocol guide.
const (
	codeUnknownServerError     = int16(kafkago.Unknown)
	codeOffsetOutOfRange       = int16(kafkago.OffsetOutOfRange)
	codeCorruptMessage         = int16(kafkago.InvalidMessage)
	codeUnknownTopic           = int16(kafkago.UnknownTopicOrPartition)
	codeLeaderNotAvailable     = int16(kafkago.LeaderNotAvailable)
	codeNotLeader              = int16(kafkago.NotLeaderForPartition)
	codeRequestTimedOut        = int16(kafkago.RequestTimedOut)
	codeBrokerNotAvailable     = int16(kafkago.BrokerNotAvailable)
	codeReplicaNotAvailable    = int16(kafkago.ReplicaNotAvailable)
	codeMessageTooLarge        = int16(kafkago.MessageSizeTooLarge)
	codeNetworkException       = int16(kafkago.NetworkException)
	codeCoordinatorLoading     = int16(kafkago.GroupLoadInProgress)
	codeCoordinatorUnavailable = int16(kafkago.GroupCoordinatorNotAvailable)
	codeNotCoordinator         = int16(kafkago.NotCoordinatorForGroup)
	codeRecordListTooLarge     = int16(kafkago.RecordListTooLarge)
	codeNotEnoughReplicas      = int16(kafkago.NotEnoughReplicas)
	codeNotEnoughReplicasAfter = int16(kafkago.NotEnoughReplicasAfterAppend)
	codeTopicExists            = int16(kafkago.TopicAlreadyExists)
	codeNotController          = int16(kafkago.NotController)
	codeOutOfOrderSequence     = int16(kafkago.OutOfOrderSequenceNumber)
	codeDuplicateSequence      = int16(kafkago.DuplicateSequenceNumber)
	codeInvalidProducerEpoch   = int16(kafkago.InvalidProducerEpoch)
	codeInvalidProducerMapping = int16(kafkago.InvalidProducerIDMapping)
	codeStorageError           = int16(kafkago.KafkaStorageError)
	codeUnknownProducerID      = int16(kafkago.UnknownProducerId)
	codeFencedLeaderEpoch      = int16(kafkago.FencedLeaderEpoch)
	codeUnknownLeaderEpoch     = int16(kafkago.UnknownLeaderEpoch)
	codeOffsetNotAvailable     = int16(kafkago.OffsetNotAvailable)
	codeThrottlingQuota        = int16(kafkago.ThrottlingQuotaExceeded)
	codeProducerFenced         = int16(kafkago.ProducerFenced)
	codeUnknownTopicID         = int16(kafkago.UnknownTopicID)
)

// isRetriable reports whether the same request may succeed later: brokers that
// start, move a leader, wait for replicas or load a coordinator answer these.
func isRetriable(code int16) bool {
	switch code {
	case codeUnknownServerError, codeCorruptMessage, codeUnknownTopic, codeLeaderNotAvailable,
		codeNotLeader, codeRequestTimedOut, codeBrokerNotAvailable, codeReplicaNotAvailable,
		codeNetworkException, codeCoordinatorLoading, codeCoordinatorUnavailable, codeNotCoordinator,
		codeNotEnoughReplicas, codeNotEnoughReplicasAfter, codeNotController, codeStorageError,
		codeFencedLeaderEpoch, codeUnknownLeaderEpoch, codeOffsetNotAvailable, codeThrottlingQuota,
		codeUnknownTopicID:
		return true
	}
	return false
}

// isStaleProducer reports whether the broker refuses the producer's identity or
// sequence, which only a new producer id mends.
func isStaleProducer(code int16) bool {
	switch code {
	case codeOutOfOrderSequence, codeInvalidProducerEpoch, codeInvalidProducerMapping,
		codeUnknownProducerID, codeProducerFenced:
		return true
	}
	return false
}

// mayHaveAppended reports whether a produce request answered with code can have
// written the batch nevertheless.
func mayHaveAppended(code int16) bool {
	switch code {
	case codeRequestTimedOut, codeNetworkException, codeNotEnoughReplicasAfter, codeUnknownServerError,
		codeStorageError, codeBrokerNotAvailable:
		return true
	}
	return false
}

// isTransient reports whether err may pass: everything that is not a refusal by
// the broker is a matter of the network.
func isTransient(err error) bool {
	var refused *Error
	if errors.As(err, &refused) {
		return isRetriable(refused.Code)
	}
	return !errors.Is(err, ErrClosed)
}

// backoff waits longer each time, from min to max.
type backoff struct {
	min, max time.Duration
	tries    int
}

func newBackoff() *backoff { return &backoff{min: 10 * time.Millisecond, max: time.Second} }

// wait sleeps and returns nil, or returns ctx's error as soon as ctx ends.
func (b *backoff) wait(ctx context.Context) error {
	d := b.max
	if b.tries < 20 && b.min<<b.tries < b.max {
		d = b.min << b.tries
	}
	b.tries++
	return pause(ctx, d)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
