package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// setting is one key: what it is for and how its text is read. The table below
// is the only place that lists them; flags, environment, file and the unknown-key
// check are made from it and from the tags of Config.
type setting struct {
	key   string
	usage string
	kind  kind
}

// kind is the type of a setting's value.
type kind string

const (
	kindText     kind = "string"
	kindList     kind = "list"
	kindNumber   kind = "number"
	kindSize     kind = "size"
	kindDuration kind = "duration"
)

func settings() []setting {
	return []setting{
		{"role", "roles to run: all, or some of producer, apply, aggregate, analytics", kindList},
		{"data", "folder of everything embedded", kindText},
		{"http", "address to serve HTTP on; port 0 takes a free one", kindText},
		{"public-url", "URL under which callers reach the server; empty: links are paths", kindText},
		{"wait", "how long a call waits for its final response before it is answered 202 (0s to 60s)", kindDuration},
		{"shutdown-timeout", "time to drain after SIGTERM", kindDuration},
		{"kafka", "Kafka brokers, host:port; empty: the embedded broker", kindList},
		{"kafka-listen", "address of the embedded broker; port 0 takes a free one", kindText},
		{"kafka-log-bytes", "cap of the embedded broker's whole log", kindSize},
		{"partitions", "partitions of each new topic; 0: 4 embedded, 12 on Kafka", kindNumber},
		{"database", "PostgreSQL URL; empty: SQLite in the data folder", kindText},
		{"files", "file:///folder or s3://bucket/prefix; empty: files in the data folder", kindText},
		{"analytics", "ClickHouse URL; empty: no analytics", kindText},
		{"registry", "external Schema Registry to register schemas at; empty: none", kindText},
		{"max-upload-bytes", "largest file", kindSize},
		{"max-rows", "most data rows of a file", kindNumber},
		{"max-columns", "most columns of a file", kindNumber},
		{"max-cell-chars", "most characters of a cell", kindNumber},
		{"batch-rows", "most rows applied in one transaction", kindNumber},
		{"window-rows", "most rows of one upload on their way at a time", kindNumber},
		{"log-format", "json or text", kindText},
		{"log-level", "debug, info, warn or error", kindText},
	}
}

func settingsByKey() map[string]setting {
	byKey := map[string]setting{}
	for _, s := range settings() {
		byKey[s.key] = s
	}
	return byKey
}

// parse turns a value of any source (text from flags and environment, text,
// numbers or lists from YAML) into the type of the setting.
func (s setting) parse(value any) (any, error) {
	if s.kind == kindList {
		return parseList(value)
	}
	var text string
	switch v := value.(type) {
	case string:
		text = strings.TrimSpace(v)
	case int, int64, uint64, float64, bool:
		text = fmt.Sprint(v)
	case nil:
		return nil, fmt.Errorf("has no value: want a %s", s.kind)
	default:
		return nil, fmt.Errorf("holds a %s: want a %s", reflect.TypeOf(value).Kind(), s.kind)
	}
	switch s.kind {
	case kindNumber:
		n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", text)
		}
		return n, nil
	case kindSize:
		return ParseSize(text)
	case kindDuration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a duration: want a number and ms, s, m or h, as in 25s", text)
		}
		return d, nil
	case kindText, kindList:
	}
	return text, nil
}

func parseList(value any) (any, error) {
	var elements []string
	switch v := value.(type) {
	case string:
		elements = strings.Split(v, ",")
	case []any:
		for _, e := range v {
			text, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("list element %v is not text", e)
			}
			elements = append(elements, text)
		}
	default:
		return nil, fmt.Errorf("holds %v: want a list separated by commas", value)
	}
	list := []string{}
	for _, e := range elements {
		if e = strings.TrimSpace(e); e != "" {
			list = append(list, e)
		}
	}
	return list, nil
}
