package server

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// properties is the node's server.properties. Time-outs are short so that a
// restart after SIGKILL is noticed in 2 s and not in 12, and a group need not
// wait for members that do not come.
func (k *Kafka) properties(n *kafkaNode) []byte {
	voters := make([]string, 0, len(k.nodes))
	for _, v := range k.nodes {
		voters = append(voters, fmt.Sprintf("%d@%s", v.id, loopback(v.controllerPort)))
	}
	replicas, inSync := "1", "1"
	if len(k.nodes) >= 3 {
		replicas, inSync = "3", "2"
	}
	settings := map[string]string{
		"process.roles":                                               "broker,controller",
		"node.id":                                                     fmt.Sprint(n.id),
		"controller.quorum.voters":                                    strings.Join(voters, ","),
		"listeners":                                                   fmt.Sprintf("PLAINTEXT://%s,CONTROLLER://%s", loopback(n.port), loopback(n.controllerPort)),
		"advertised.listeners":                                        "PLAINTEXT://" + loopback(n.port),
		"controller.listener.names":                                   "CONTROLLER",
		"inter.broker.listener.name":                                  "PLAINTEXT",
		"listener.security.protocol.map":                              "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs":                                                    filepath.Join(n.dir, "data"),
		"num.network.threads":                                         "2",
		"num.io.threads":                                              "4",
		"auto.create.topics.enable":                                   "false",
		"default.replication.factor":                                  replicas,
		"min.insync.replicas":                                         inSync,
		"offsets.topic.replication.factor":                            replicas,
		"offsets.topic.num.partitions":                                "4",
		"transaction.state.log.replication.factor":                    replicas,
		"transaction.state.log.min.isr":                               inSync,
		"transaction.state.log.num.partitions":                        "4",
		"share.coordinator.state.topic.replication.factor":            replicas,
		"share.coordinator.state.topic.min.isr":                       inSync,
		"group.initial.rebalance.delay.ms":                            "0",
		"broker.session.timeout.ms":                                   "2000",
		"broker.heartbeat.interval.ms":                                "500",
		"log.cleaner.dedupe.buffer.size":                              "16777216",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
	}
	maps.Copy(settings, k.options.Settings)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s=%s\n", name, settings[name])
	}
	return []byte(b.String())
}
