package broker

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
)

// clusterLog passes the cluster's log lines on, and reads the one thing from
// them that the cluster tells in no other way: that a write failed. The failed
// record's sequence number stays taken, so a client that sends it again is told
// "duplicate" and the record is lost; the log must not go on.
type clusterLog struct {
	logger *slog.Logger
	fail   func(error)
}

// Logf implements kfake.Logger.
func (l *clusterLog) Logf(level kfake.LogLevel, format string, args ...any) {
	if level > kfake.LogLevelWarn {
		return
	}
	text := fmt.Sprintf(format, args...)
	if strings.HasPrefix(format, "persist ") || strings.HasPrefix(format, "save session state") {
		l.logger.Error("embedded broker write failed", "err", text)
		l.fail(fmt.Errorf("%w: %s", ErrWrite, text))
		return
	}
	l.logger.Warn("embedded broker", "err", text)
}
