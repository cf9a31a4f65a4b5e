// Package config is the one configuration of `sluice serve` and of the commands
// that share its settings: its defaults, where values come from, and which
// combinations make no sense. Roles and adapters never see it; they get small
// option structs filled in from it.
package config

import (
	"net/url"
	"path/filepath"
	"slices"
	"time"
)

// Role names, as in --role, folders, consumer groups and metric prefixes.
const (
	RoleAll       = "all"
	RoleProducer  = "producer"
	RoleApply     = "apply"
	RoleAggregate = "aggregate"
	RoleAnalytics = "analytics"
)

// Config holds every setting. Each is a flag (--kafka-listen), an environment
// variable (SLUICE_KAFKA_LISTEN) and a key of the YAML file (kafka-listen) under
// the name in its tag. Sizes accept B, KB, MB, GB (powers of 1,000) and KiB, MiB,
// GiB; durations are Go's (25s, 1m30s); lists are separated by commas.
type Config struct {
	// Role lists the roles this process runs. Default all. Some but not all of
	// producer, apply, aggregate and analytics need Kafka, Database and Files.
	Role []string `koanf:"role"`
	// Data is the folder of everything embedded: log, database, files, lock.
	// Default ./data. Not used when nothing is embedded.
	Data string `koanf:"data"`

	// HTTP is the address to serve on. Default 127.0.0.1:8080; port 0 takes a
	// free one. Without access control it must be a loopback address.
	HTTP string `koanf:"http"`
	// PublicURL begins the links handed to callers, for a server behind a proxy.
	// Default empty: links are paths.
	PublicURL string `koanf:"public-url"`
	// Wait is how long a call waits for its upload's final response before it is
	// answered 202, unless it says `Prefer: wait`. Default 25s, 0s to 60s.
	Wait time.Duration `koanf:"wait"`
	// ShutdownTimeout bounds the draining after SIGTERM. Default 30s.
	ShutdownTimeout time.Duration `koanf:"shutdown-timeout"`

	// Kafka lists the brokers (host:port) of a Kafka cluster. Default empty: the
	// embedded broker.
	Kafka []string `koanf:"kafka"`
	// KafkaListen is the embedded broker's address. Default 127.0.0.1:9092; port 0
	// takes a free one. Loopback only. Empty when Kafka is set.
	KafkaListen string `koanf:"kafka-listen"`
	// KafkaLogBytes caps the embedded broker's whole log; a start reads it.
	// Default 512 MB, at least 64 MB.
	KafkaLogBytes Size `koanf:"kafka-log-bytes"`
	// Partitions of customer.updates and customer.changes, when they are created;
	// bulk.results has a third of them. Default 0: 2 on the embedded
	// broker, 12 on a Kafka cluster.
	Partitions int `koanf:"partitions"`
	// Database is a PostgreSQL URL. Default empty: SQLite in Data.
	Database string `koanf:"database"`
	// Files is file:///folder or s3://bucket/prefix. Default empty: Data/files.
	Files string `koanf:"files"`
	// Analytics is a ClickHouse URL (clickhouse://host:9000/database). Default
	// empty: no analytics.
	Analytics string `koanf:"analytics"`
	// Registry is the URL of an external Schema Registry where schemas are
	// registered too. Default empty: only the server's own read side.
	Registry string `koanf:"registry"`

	// MaxUploadBytes bounds an uploaded file. Default 2 GB.
	MaxUploadBytes Size `koanf:"max-upload-bytes"`
	// MaxRows bounds the data rows of a file. Default 10,000,000.
	MaxRows int `koanf:"max-rows"`
	// MaxColumns bounds the columns of a file. Default 500.
	MaxColumns int `koanf:"max-columns"`
	// MaxCellChars bounds the characters of a cell. Default 32,767.
	MaxCellChars int `koanf:"max-cell-chars"`
	// BatchRows is the most rows applied in one transaction. Default 1,000: larger batches take
	// memory and time from others and save nothing.
	BatchRows int `koanf:"batch-rows"`
	// WindowRows is how many rows of one upload may be on their way at a time;
	// with BatchRows it decides memory, and how long a small upload waits behind a
	// large one. Default 20,000.
	WindowRows int `koanf:"window-rows"`

	// LogFormat of stderr: json or text. Default text.
	LogFormat string `koanf:"log-format"`
	// LogLevel: debug, info, warn or error. Default info.
	LogLevel string `koanf:"log-level"`
}

// Default returns the configuration of a bare `sluice serve`.
func Default() Config {
	return Config{
		Role:            []string{RoleAll},
		Data:            "./data",
		HTTP:            "127.0.0.1:8080",
		Wait:            25 * time.Second,
		ShutdownTimeout: 30 * time.Second,
		KafkaListen:     "127.0.0.1:9092",
		KafkaLogBytes:   512 * mb,
		MaxUploadBytes:  2 * gb,
		MaxRows:         10_000_000,
		MaxColumns:      500,
		MaxCellChars:    32_767,
		BatchRows:       1_000,
		WindowRows:      20_000,
		LogFormat:       "text",
		LogLevel:        "info",
	}
}

// settle fills in what follows from other settings.
func (c Config) settle(isSet map[string]string) Config {
	if _, ok := isSet["kafka-listen"]; len(c.Kafka) > 0 && !ok {
		c.KafkaListen = ""
	}
	if c.Partitions == 0 {
		c.Partitions = 12
		if c.EmbedsBroker() {
			// They queue for SQLite's one writer: while one is applied the other decodes
			// and publishes; more only take memory and make batches smaller.
			c.Partitions = 2
		}
	}
	return c
}

// Runs reports whether this process runs the role.
func (c Config) Runs(role string) bool {
	return slices.Contains(c.Role, RoleAll) || slices.Contains(c.Role, role)
}

// RunsAll reports whether every role runs in this process.
func (c Config) RunsAll() bool {
	return !slices.ContainsFunc(roles(), func(role string) bool { return !c.Runs(role) })
}

// EmbedsBroker reports whether the event log is the embedded one.
func (c Config) EmbedsBroker() bool { return len(c.Kafka) == 0 }

// EmbedsDatabase reports whether customers and uploads are in SQLite.
func (c Config) EmbedsDatabase() bool { return c.Database == "" }

// NeedsData reports whether anything lives in the data folder.
func (c Config) NeedsData() bool {
	return c.EmbedsBroker() || c.EmbedsDatabase() || c.Files == ""
}

// Brokers returns the addresses to reach the event log at: the Kafka cluster's,
// or the embedded broker's.
func (c Config) Brokers() []string {
	if c.EmbedsBroker() {
		return []string{c.KafkaListen}
	}
	return slices.Clone(c.Kafka)
}

// FilesURL returns where files are, also when that is the data folder.
func (c Config) FilesURL() (string, error) {
	if c.Files != "" {
		return c.Files, nil
	}
	dir, err := filepath.Abs(filepath.Join(c.Data, "files"))
	if err != nil {
		return "", err
	}
	return (&url.URL{Scheme: "file", Path: dir}).String(), nil
}

func roles() []string {
	return []string{RoleProducer, RoleApply, RoleAggregate, RoleAnalytics}
}
