package broker

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// alterConfigs refuses a request as a whole if any change would break a fence.
func (p *policy) alterConfigs(r kmsg.Request) kmsg.Response {
	req, ok := r.(*kmsg.IncrementalAlterConfigsRequest)
	if !ok {
		return nil
	}
	reason := ""
	for i := range req.Resources {
		if reason = p.refusal(&req.Resources[i]); reason != "" {
			break
		}
	}
	if reason == "" {
		return nil
	}
	resp, ok := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	if !ok {
		return nil
	}
	for i := range req.Resources {
		answer := kmsg.NewIncrementalAlterConfigsResponseResource()
		answer.ResourceType = req.Resources[i].ResourceType
		answer.ResourceName = req.Resources[i].ResourceName
		answer.ErrorCode = kerr.PolicyViolation.Code
		answer.ErrorMessage = &reason
		resp.Resources = append(resp.Resources, answer)
	}
	return resp
}

// refusal says why a resource must not be changed so; empty if it may.
func (p *policy) refusal(r *kmsg.IncrementalAlterConfigsRequestResource) string {
	switch r.ResourceType {
	case kmsg.ConfigResourceTypeGroupConfig:
		return ""
	case kmsg.ConfigResourceTypeTopic:
	default:
		return "only topics and groups can be configured"
	}
	info := p.cluster.TopicInfo(r.ResourceName)
	if info == nil {
		return "" // the cluster answers that it is unknown
	}
	for i := range r.Configs {
		c := &r.Configs[i]
		value := ""
		if c.Op == kmsg.IncrementalAlterConfigOpSet && c.Value != nil {
			value = *c.Value
		}
		switch c.Name {
		case keyRetentionBytes:
			size, err := strconv.ParseInt(value, 10, 64)
			if err != nil || size < minRetentionBytes {
				return keyRetentionBytes + " must be at least " + strconv.Itoa(minRetentionBytes)
			}
			n := len(p.cluster.PartitionInfos(r.ResourceName))
			if topicCost(n, size) > p.free()+topicCost(n, retentionOf(info)) {
				return p.overCap(r.ResourceName)
			}
		case keyRetentionMs, keyCleanupPolicy, keySegmentBytes:
			if now := info.Configs[c.Name]; now == nil || *now != value {
				return c.Name + " is fixed: the embedded broker drops by size alone"
			}
		case keyMaxMessage:
			if n, err := strconv.Atoi(value); err != nil || n < 1 || n > MaxBatchBytes {
				return keyMaxMessage + " must be at most " + strconv.Itoa(MaxBatchBytes)
			}
		}
	}
	return ""
}
