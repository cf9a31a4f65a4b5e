package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxWait       = 60 * time.Second
	maxShutdown   = time.Hour
	minLogBytes   = 64 * mb
	maxPartitions = 1_000
	maxColumns    = 100_000
	maxCellChars  = 1_000_000
	maxBatchRows  = 100_000
	maxWindowRows = 10_000_000
)

// Validate returns every mistake within and between settings, without origins;
// nil if there is none.
func (c Config) Validate() Mistakes {
	v := &validator{}
	v.roles(c)
	v.addresses(c)
	v.servers(c)
	v.limits(c)
	v.oneOf("log-format", c.LogFormat, "json", "text")
	v.oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error")
	return v.mistakes
}

type validator struct{ mistakes Mistakes }

func (v *validator) add(key, format string, args ...any) {
	v.mistakes = append(v.mistakes, Mistake{Key: key, Text: fmt.Sprintf(format, args...)})
}

func (v *validator) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.add(key, "%q is not one of %s", value, strings.Join(allowed, ", "))
	}
}

func (v *validator) roles(c Config) {
	if len(c.Role) == 0 {
		v.add("role", "names no role: want all, or some of %s", strings.Join(roles(), ", "))
		return
	}
	for i, role := range c.Role {
		v.oneOf("role", role, append([]string{RoleAll}, roles()...)...)
		if slices.Contains(c.Role[:i], role) {
			v.add("role", "names %s twice", role)
		}
	}
	if slices.Contains(c.Role, RoleAll) && len(c.Role) > 1 {
		v.add("role", "names all and others: want one or the other")
	}
	if c.RunsAll() {
		return
	}
	apart := "roles run apart only on shared servers: %s is missing"
	if len(c.Kafka) == 0 {
		v.add("role", apart, "--kafka")
	}
	if c.Database == "" {
		v.add("role", apart, "--database")
	}
	if c.Files == "" {
		v.add("role", apart, "--files")
	}
	if slices.Contains(c.Role, RoleAnalytics) && c.Analytics == "" {
		v.add("role", "analytics needs somewhere to write: --analytics is missing")
	}
}

func (v *validator) addresses(c Config) {
	v.listen("http", c.HTTP)
	if len(c.Kafka) > 0 && c.KafkaListen != "" {
		v.add("kafka-listen", "excludes kafka: an embedded broker or a cluster, not both")
	}
	if len(c.Kafka) == 0 {
		v.listen("kafka-listen", c.KafkaListen)
	}
	for i, broker := range c.Kafka {
		host, port, err := net.SplitHostPort(broker)
		if err != nil || host == "" {
			v.add("kafka", "%q is not host:port", broker)
			continue
		}
		v.port("kafka", port, 1)
		if slices.Contains(c.Kafka[:i], broker) {
			v.add("kafka", "names %s twice", broker)
		}
	}
	if c.HTTP == c.KafkaListen && !strings.HasSuffix(c.HTTP, ":0") {
		v.add("kafka-listen", "is the address of http too")
	}
}

// listen checks an address of ours. There is no access control yet, so whoever
// reaches it may do everything: only this machine may.
func (v *validator) listen(key, address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		v.add(key, "%q is not host:port", address)
		return
	}
	v.port(key, port, 0)
	if !isLoopback(host) {
		v.add(key, "%q is not a loopback address: without access control the server answers this machine only; use 127.0.0.1:%s", address, port)
	}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func (v *validator) port(key, port string, lowest int) {
	n, err := strconv.Atoi(port)
	if err != nil || n < lowest || n > math.MaxUint16 {
		v.add(key, "port %q is not a number from %d to 65535", port, lowest)
	}
}

func (v *validator) servers(c Config) {
	if c.NeedsData() && c.Data == "" {
		v.add("data", "is empty, but the log, the database or the files live there")
	}
	v.url("public-url", c.PublicURL, "http", "https")
	v.url("database", c.Database, "postgres", "postgresql")
	v.url("analytics", c.Analytics, "clickhouse")
	v.url("registry", c.Registry, "http", "https")
	if u, err := url.Parse(c.PublicURL); err == nil && (u.RawQuery != "" || u.Fragment != "" || u.User != nil) {
		v.add("public-url", "has a user, query or fragment: want scheme, host and path only")
	}
	if c.Files == "" {
		return
	}
	u, err := url.Parse(c.Files)
	switch {
	case err != nil:
		v.add("files", "is not a URL")
	case u.Scheme == "file" && (u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(u.Path)):
		v.add("files", "must name an absolute folder: file:///folder")
	case u.Scheme == "s3" && u.Host == "":
		v.add("files", "names no bucket: want s3://bucket")
	case u.Scheme != "file" && u.Scheme != "s3":
		v.add("files", "has scheme %q: want file:///folder or s3://bucket", u.Scheme)
	}
}

// url checks a setting that may be empty. The value itself is not repeated: it
// may hold a password.
func (v *validator) url(key, value string, schemes ...string) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	if err != nil {
		v.add(key, "is not a URL")
		return
	}
	if !slices.Contains(schemes, u.Scheme) {
		v.add(key, "has scheme %q: want %s://", u.Scheme, schemes[0])
		return
	}
	if u.Hostname() == "" {
		v.add(key, "names no host: want %s://host", u.Scheme)
	}
	if port := u.Port(); port != "" {
		v.port(key, port, 1)
	}
}

func (v *validator) limits(c Config) {
	durationRange := func(key string, d, low, high time.Duration) {
		if d < low || d > high {
			v.add(key, "%s is not between %s and %s", d, low, high)
		}
	}
	durationRange("wait", c.Wait, 0, maxWait)
	durationRange("shutdown-timeout", c.ShutdownTimeout, time.Second, maxShutdown)

	numberRange := func(key string, n, low, high int) {
		if n < low || n > high {
			v.add(key, "%d is not between %d and %d", n, low, high)
		}
	}
	numberRange("partitions", c.Partitions, 0, maxPartitions)
	numberRange("max-rows", c.MaxRows, 1, math.MaxInt32) // total_count is an int32
	numberRange("max-columns", c.MaxColumns, 1, maxColumns)
	numberRange("max-cell-chars", c.MaxCellChars, 1, maxCellChars)
	numberRange("batch-rows", c.BatchRows, 1, maxBatchRows)
	numberRange("window-rows", c.WindowRows, 1, maxWindowRows)
	if c.WindowRows < c.BatchRows {
		v.add("window-rows", "%d is less than batch-rows, %d: no batch could fill", c.WindowRows, c.BatchRows)
	}
	if c.MaxUploadBytes < 1 {
		v.add("max-upload-bytes", "must be at least 1B")
	}
	if c.KafkaLogBytes < minLogBytes {
		v.add("kafka-log-bytes", "%s is less than %s, which the topics need", c.KafkaLogBytes, minLogBytes)
	}
}
