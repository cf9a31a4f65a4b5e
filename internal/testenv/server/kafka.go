package server

import (
	"context"
	_ "embed" // log4j2.xml
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

//go:embed log4j2.xml
var log4jConfig []byte

// KafkaOptions chooses how a Kafka cluster is started.
type KafkaOptions struct {
	// Nodes is 1 when zero. Three or more replicate every topic three times
	// with min.insync.replicas=2.
	Nodes int
	// FullJIT lets Java optimise fully: slower to start, needed for benchmarks.
	FullJIT bool
	// HeapMB per node; 512 when zero.
	HeapMB int
	// Settings are broker properties, for example {"message.max.bytes": "2097152"}.
	Settings map[string]string
}

// Kafka is a cluster of Apache Kafka nodes on loopback, each broker and
// controller in one. Nodes are numbered from 1 and may be stopped or killed
// and started again on the same data and ports.
type Kafka struct {
	dir     string
	jars    string
	java    string
	options KafkaOptions
	nodes   []*kafkaNode
}

type kafkaNode struct {
	id, port, controllerPort int
	dir                      string
	process                  *process
}

// StartKafka formats and starts a new cluster in dir and waits until topics,
// producers and groups work on it.
func StartKafka(ctx context.Context, dir string, options KafkaOptions) (*Kafka, error) {
	options.Nodes = max(options.Nodes, 1)
	if options.HeapMB == 0 {
		options.HeapMB = 512
	}
	jars, err := tool("kafka", "kafka")
	if err != nil {
		return nil, err
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("no java, run `scripts/fetch-tools kafka`: %w", err)
	}
	k := &Kafka{jars: jars, java: java, options: options}
	for attempt := 0; ; attempt++ {
		k.dir = filepath.Join(dir, strconv.Itoa(attempt))
		err := k.create(ctx)
		if err == nil {
			return k, nil
		}
		// A node that ended by itself may have lost its port to somebody faster.
		tryAgain := k.anyEnded() && attempt < startAttempts && ctx.Err() == nil
		err = errors.Join(err, k.killAll())
		if !tryAgain {
			return nil, err
		}
	}
}

func (k *Kafka) create(ctx context.Context) error {
	ports, err := freePorts(2 * k.options.Nodes)
	if err != nil {
		return err
	}
	k.nodes = nil
	for i := range k.options.Nodes {
		k.nodes = append(k.nodes, &kafkaNode{
			id: i + 1, port: ports[2*i], controllerPort: ports[2*i+1],
			dir: filepath.Join(k.dir, strconv.Itoa(i+1)),
		})
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for _, n := range k.nodes {
		group.Go(func() error { return k.format(groupCtx, n) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, n := range k.nodes {
		if err := k.launch(n); err != nil {
			return err
		}
	}
	return k.waitUsable(ctx)
}

// format writes the node's configuration and makes its empty log directory.
func (k *Kafka) format(ctx context.Context, n *kafkaNode) error {
	if err := os.MkdirAll(n.dir, 0o750); err != nil {
		return fmt.Errorf("making the Kafka folder: %w", err)
	}
	for name, content := range map[string][]byte{"log4j2.xml": log4jConfig, "server.properties": k.properties(n)} {
		if err := os.WriteFile(filepath.Join(n.dir, name), content, 0o600); err != nil {
			return fmt.Errorf("writing the Kafka configuration: %w", err)
		}
	}
	const clusterID = "MkU3OEVBNTcwNTJENDM2Qg"                                            // any 16 bytes in base64; all nodes must agree
	cmd := exec.CommandContext(ctx, k.java, k.javaArgs(n, 128, "kafka.tools.StorageTool", //nolint:gosec // the installed program
		"format", "-t", clusterID, "-c", filepath.Join(n.dir, "server.properties"))...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("formatting Kafka node %d: %w\n%s", n.id, err, out)
	}
	return nil
}

func (k *Kafka) javaArgs(n *kafkaNode, heapMB int, main string, args ...string) []string {
	jvm := []string{
		fmt.Sprintf("-Xmx%dm", heapMB), "-Xms64m", "-XX:+UseSerialGC", "-Xshare:auto",
		"-Djava.net.preferIPv4Stack=true", "-Djava.awt.headless=true",
		"-Dlog4j2.configurationFile=file:" + filepath.Join(n.dir, "log4j2.xml"),
	}
	if !k.options.FullJIT {
		jvm = append(jvm, "-XX:TieredStopAtLevel=1")
	}
	jvm = append(jvm, "-cp", filepath.Join(k.jars, "*"), main)
	return append(jvm, args...)
}

func (k *Kafka) launch(n *kafkaNode) error {
	var err error
	n.process, err = start(spec{
		path: k.java,
		args: k.javaArgs(n, k.options.HeapMB, "kafka.Kafka", filepath.Join(n.dir, "server.properties")),
		dir:  n.dir, logPath: filepath.Join(n.dir, "log"), onParentDeath: syscall.SIGKILL,
	})
	return err
}

// Brokers are the addresses of all nodes, dead ones too.
func (k *Kafka) Brokers() []string {
	brokers := make([]string, 0, len(k.nodes))
	for _, n := range k.nodes {
		brokers = append(brokers, loopback(n.port))
	}
	return brokers
}

func (k *Kafka) node(id int) (*kafkaNode, error) {
	if id < 1 || id > len(k.nodes) {
		return nil, fmt.Errorf("no Kafka node %d of %d", id, len(k.nodes))
	}
	return k.nodes[id-1], nil
}

// StartNode starts a stopped or killed node again, on the same data and ports,
// and waits until the whole cluster works.
func (k *Kafka) StartNode(ctx context.Context, id int) error {
	n, err := k.node(id)
	if err != nil {
		return err
	}
	if !n.process.hasEnded() {
		return fmt.Errorf("kafka node %d is running", id)
	}
	if err := k.launch(n); err != nil {
		return err
	}
	return k.waitUsable(ctx)
}

// KillNode is a crash: SIGKILL.
func (k *Kafka) KillNode(id int) error {
	n, err := k.node(id)
	if err != nil {
		return err
	}
	return n.process.kill()
}

// StopNode shuts a node down cleanly; one without a quorum is killed.
func (k *Kafka) StopNode(id int) error {
	n, err := k.node(id)
	if err != nil {
		return err
	}
	return n.process.stop(syscall.SIGTERM, 10*time.Second)
}

// Stop ends all nodes at once. Safe to repeat.
func (k *Kafka) Stop() error {
	var group errgroup.Group
	for _, n := range k.nodes {
		group.Go(func() error { return k.StopNode(n.id) })
	}
	return group.Wait()
}

func (k *Kafka) anyEnded() bool {
	return slices.ContainsFunc(k.nodes, func(n *kafkaNode) bool { return n.process != nil && n.process.hasEnded() })
}

func (k *Kafka) killAll() error {
	var errs []error
	for _, n := range k.nodes {
		if n.process != nil {
			errs = append(errs, n.process.kill())
		}
	}
	return errors.Join(errs...)
}

// Ended is closed when the process of node 1 is gone, for whatever reason.
func (k *Kafka) Ended() <-chan struct{} { return k.nodes[0].process.done }

// LogTail is the end of every node's log.
func (k *Kafka) LogTail() string {
	var b strings.Builder
	for _, n := range k.nodes {
		fmt.Fprintf(&b, "node %d: %s\n", n.id, logTail(filepath.Join(n.dir, "log")))
	}
	return b.String()
}
