package broker

import (
	"fmt"
	"sort"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// policy holds topics to the fences: sizes within one cap, retention by size
// alone, no transactional producers. The cluster calls it for one request at a
// time, and handles the request, as changed here, before the next.
type policy struct {
	cluster *kfake.Cluster
	maxLog  int64
	topics  map[string]struct{} // created once; some may be deleted since
}

func newPolicy(cluster *kfake.Cluster, maxLog int64, topics []string) *policy {
	p := &policy{cluster: cluster, maxLog: maxLog, topics: make(map[string]struct{})}
	for _, t := range topics {
		p.topics[t] = struct{}{}
	}
	return p
}

// install puts the policy before the cluster's own handling. A nil answer lets
// the request pass.
func (p *policy) install() {
	for key, judge := range map[kmsg.Key]func(kmsg.Request) kmsg.Response{
		kmsg.CreateTopics:            p.createTopics,
		kmsg.CreatePartitions:        p.createPartitions,
		kmsg.IncrementalAlterConfigs: p.alterConfigs,
		kmsg.InitProducerID:          p.initProducer,
	} {
		p.cluster.ControlKey(key.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
			p.cluster.KeepControl()
			answer := judge(r)
			return answer, nil, answer != nil
		})
	}
}

// createTopics overrides what the request says about retention; the answer to
// the client names the values in force. It refuses topics beyond the cap.
func (p *policy) createTopics(r kmsg.Request) kmsg.Response {
	req, ok := r.(*kmsg.CreateTopicsRequest)
	if !ok {
		return nil
	}
	free := p.free()
	for i := range req.Topics {
		t := &req.Topics[i]
		if p.cluster.TopicInfo(t.Topic) != nil {
			continue // the cluster answers that it exists
		}
		partitions := max(int(t.NumPartitions), 1)
		if n := len(t.ReplicaAssignment); n > 0 {
			partitions = n
		}
		wishes := make(map[string]string, len(t.Configs))
		for _, c := range t.Configs {
			if c.Value != nil {
				wishes[c.Name] = *c.Value
			}
		}
		wish, _ := strconv.ParseInt(wishes[keyRetentionBytes], 10, 64)
		size, fits := grantRetention(wish, partitions, free, p.maxLog)
		if !fits {
			return refuseCreate(req, p.overCap(t.Topic))
		}
		free -= topicCost(partitions, size)
		t.Configs = topicConfigs(wishes, size)
		p.topics[t.Topic] = struct{}{}
	}
	return nil
}

// topicConfigs merges what is wished with what the broker decides.
func topicConfigs(wishes map[string]string, size int64) []kmsg.CreateTopicsRequestTopicConfig {
	if n, err := strconv.Atoi(wishes[keyMaxMessage]); err != nil || n < 1 || n > MaxBatchBytes {
		delete(wishes, keyMaxMessage)
	}
	for key, value := range sizeConfigs(size) {
		wishes[key] = value
	}
	configs := make([]kmsg.CreateTopicsRequestTopicConfig, 0, len(wishes))
	for key, value := range wishes {
		configs = append(configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: kmsg.StringPtr(value)})
	}
	sort.Slice(configs, func(i, j int) bool { return configs[i].Name < configs[j].Name })
	return configs
}

func refuseCreate(req *kmsg.CreateTopicsRequest, reason string) kmsg.Response {
	resp, ok := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	if !ok {
		return nil
	}
	for _, t := range req.Topics {
		answer := kmsg.NewCreateTopicsResponseTopic()
		answer.Topic = t.Topic
		answer.ErrorCode = kerr.PolicyViolation.Code
		answer.ErrorMessage = &reason
		resp.Topics = append(resp.Topics, answer)
	}
	return resp
}

// createPartitions refuses partitions beyond the cap.
func (p *policy) createPartitions(r kmsg.Request) kmsg.Response {
	req, ok := r.(*kmsg.CreatePartitionsRequest)
	if !ok {
		return nil
	}
	free := p.free()
	for _, t := range req.Topics {
		info := p.cluster.TopicInfo(t.Topic)
		if info == nil {
			continue
		}
		added := int(t.Count) - len(p.cluster.PartitionInfos(t.Topic))
		free -= topicCost(max(added, 0), retentionOf(info))
		if free >= 0 {
			continue
		}
		resp, ok := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
		if !ok {
			return nil
		}
		reason := p.overCap(t.Topic)
		for _, t := range req.Topics {
			answer := kmsg.NewCreatePartitionsResponseTopic()
			answer.Topic = t.Topic
			answer.ErrorCode = kerr.PolicyViolation.Code
			answer.ErrorMessage = &reason
			resp.Topics = append(resp.Topics, answer)
		}
		return resp
	}
	return nil
}

// initProducer refuses transactional producers, at their first request.
func (p *policy) initProducer(r kmsg.Request) kmsg.Response {
	req, ok := r.(*kmsg.InitProducerIDRequest)
	if !ok || req.TransactionalID == nil {
		return nil
	}
	resp, ok := req.ResponseKind().(*kmsg.InitProducerIDResponse)
	if !ok {
		return nil
	}
	resp.ErrorCode = kerr.TransactionalIDAuthorizationFailed.Code
	resp.ProducerID, resp.ProducerEpoch = -1, -1
	return resp
}

// free is what is left of the cap, in bytes.
func (p *policy) free() int64 {
	free := p.maxLog
	for name := range p.topics {
		info := p.cluster.TopicInfo(name)
		if info == nil {
			delete(p.topics, name)
			continue
		}
		free -= topicCost(len(p.cluster.PartitionInfos(name)), retentionOf(info))
	}
	return free
}

func (p *policy) overCap(topic string) string {
	return fmt.Sprintf("topic %s does not fit into the log cap of %d bytes", topic, p.maxLog)
}

// retentionOf reads retention.bytes of a topic, which the policy has set.
func retentionOf(info *kfake.TopicInfo) int64 {
	if v := info.Configs[keyRetentionBytes]; v != nil {
		if n, err := strconv.ParseInt(*v, 10, 64); err == nil {
			return max(n, minRetentionBytes)
		}
	}
	return minRetentionBytes
}
