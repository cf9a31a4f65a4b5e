package broker

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
)

// Files of the cluster's own layout that are read, or mended, before it loads.
const (
	metaFile      = "meta.json"
	topicsFile    = "topics.json"
	partitionsDir = "partitions"
)

// preparedDir is what a directory holds, fit to be loaded.
type preparedDir struct {
	clusterID string
	topics    []string
}

// storedTopics is topicsFile.
type storedTopics struct {
	Version int           `json:"version"`
	Topics  []storedTopic `json:"topics"`
}

type storedTopic struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"`
	Partitions int               `json:"partitions"`
	Replicas   int               `json:"replicas"`
	Configs    map[string]string `json:"configs,omitempty"`
}

// prepareDir reads which log the directory holds, fits its topics to the cap
// and removes partitions of topics that are gone: the cluster would append to
// such files if a topic of that name came back.
func prepareDir(o Options) (preparedDir, error) {
	var meta struct {
		ClusterID string `json:"cluster_id"`
	}
	found, err := readJSON(filepath.Join(o.Dir, metaFile), &meta)
	if err != nil {
		return preparedDir{}, err
	}
	if !found {
		return newDir(o)
	}
	var stored storedTopics
	if _, err := readJSON(filepath.Join(o.Dir, topicsFile), &stored); err != nil {
		return preparedDir{}, err
	}
	if fitTopics(stored.Topics, o.MaxLogBytes) {
		if err := writeJSON(filepath.Join(o.Dir, topicsFile), stored); err != nil {
			return preparedDir{}, err
		}
	}
	dir := preparedDir{clusterID: meta.ClusterID}
	known := make(map[string]bool)
	for _, t := range stored.Topics {
		dir.topics = append(dir.topics, t.Name)
		for p := range t.Partitions {
			known[url.PathEscape(t.Name)+"-"+strconv.Itoa(p)] = true
		}
	}
	return dir, removeOrphans(o.Dir, known, o.Logger)
}

// newDir names a new log. A directory with partitions but without a name lost
// the file in a crash of the machine; a new log on top would mix the two.
func newDir(o Options) (preparedDir, error) {
	_, err := os.Stat(filepath.Join(o.Dir, partitionsDir))
	if err == nil {
		return preparedDir{}, fmt.Errorf(
			"%s holds partitions but no %s: move it away to start with an empty log", o.Dir, metaFile)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return preparedDir{}, fmt.Errorf("look for a log: %w", err)
	}
	if o.ClusterID != "" {
		return preparedDir{clusterID: o.ClusterID}, nil
	}
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return preparedDir{}, fmt.Errorf("name the log: %w", err)
	}
	return preparedDir{clusterID: base64.RawURLEncoding.EncodeToString(id[:])}, nil
}

func removeOrphans(dir string, known map[string]bool, logger *slog.Logger) error {
	entries, err := os.ReadDir(filepath.Join(dir, partitionsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list partitions: %w", err)
	}
	for _, e := range entries {
		if known[e.Name()] {
			continue
		}
		logger.Warn("removing a partition of no topic", "partition", e.Name())
		if err := os.RemoveAll(filepath.Join(dir, partitionsDir, e.Name())); err != nil {
			return fmt.Errorf("remove partition of no topic: %w", err)
		}
	}
	return nil
}

func readJSON(path string, v any) (found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read broker state: %w", err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return false, fmt.Errorf("parse %s: %w", path, err)
	}
	return true, nil
}

// writeJSON replaces path as a whole.
func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	temp := path + ".tmp"
	if err := os.WriteFile(temp, text, 0o600); err != nil {
		return fmt.Errorf("write broker state: %w", err)
	}
	if err := syncPath(temp); err != nil {
		return fmt.Errorf("sync broker state: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("replace broker state: %w", err)
	}
	return nil
}
