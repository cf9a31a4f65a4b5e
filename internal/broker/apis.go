package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// maxProduceVersion is the last one without implicit transactions.
const maxProduceVersion = 11

// servedKeys are the requests that are answered; every other one closes its
// connection. Left out are transactions (a crash during one loses committed
// data), DeleteRecords (an emptied partition begins at offset 0 again after a
// restart), replacing whole configurations, and what a log of one node does not
// need: accounts, quotas, replicas, share groups, telemetry.
func servedKeys() []kmsg.Key {
	return []kmsg.Key{
		kmsg.Produce, kmsg.Fetch, kmsg.ListOffsets, kmsg.Metadata, kmsg.OffsetForLeaderEpoch,
		kmsg.OffsetCommit, kmsg.OffsetFetch, kmsg.OffsetDelete, kmsg.FindCoordinator,
		kmsg.JoinGroup, kmsg.Heartbeat, kmsg.LeaveGroup, kmsg.SyncGroup,
		kmsg.DescribeGroups, kmsg.ListGroups, kmsg.DeleteGroups,
		kmsg.ConsumerGroupHeartbeat, kmsg.ConsumerGroupDescribe,
		kmsg.ApiVersions, kmsg.InitProducerID,
		kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.CreatePartitions,
		kmsg.DescribeConfigs, kmsg.IncrementalAlterConfigs,
		kmsg.DescribeCluster, kmsg.DescribeTopicPartitions, kmsg.DescribeLogDirs,
	}
}

// servedVersions holds the newest version of each served request. It is made
// anew for each user: a Versions is not safe for concurrent change.
func servedVersions() *kversion.Versions {
	all := kversion.Stable()
	served := new(kversion.Versions)
	for _, key := range servedKeys() {
		newest, ok := all.LookupMaxKeyVersion(key.Int16())
		if !ok {
			continue
		}
		if key == kmsg.Produce {
			newest = min(newest, maxProduceVersion)
		}
		served.SetMaxKeyVersion(key.Int16(), newest)
	}
	return served
}
