package ops

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes lines of the format ("json" or "text")
// from the level ("debug", "info", "warn", "error") up. A record logged with a
// context of WithRequestID or WithUploadID carries request_id and upload_id.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var lowest slog.Level
	if err := lowest.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	options := &slog.HandlerOptions{Level: lowest}
	switch format {
	case "json":
		return slog.New(contextHandler{slog.NewJSONHandler(w, options)}), nil
	case "text":
		return slog.New(contextHandler{slog.NewTextHandler(w, options)}), nil
	default:
		return nil, fmt.Errorf("log format %q is neither json nor text", format)
	}
}

type contextKey int

const (
	requestIDKey contextKey = iota
	uploadIDKey
)

// WithRequestID returns a context whose log records carry the request's id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey, id)
}

// RequestID returns the id put there by WithRequestID, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}

// WithUploadID returns a context whose log records carry the upload's id.
func WithUploadID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, uploadIDKey, id)
}

// contextHandler adds what the context knows to each record.
type contextHandler struct{ slog.Handler }

func (h contextHandler) Handle(ctx context.Context, record slog.Record) error {
	for _, a := range []struct {
		key  contextKey
		name string
	}{{requestIDKey, "request_id"}, {uploadIDKey, "upload_id"}} {
		if id, ok := ctx.Value(a.key).(string); ok && id != "" {
			record.AddAttrs(slog.String(a.name, id))
		}
	}
	return h.Handler.Handle(ctx, record)
}

func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextHandler{h.Handler.WithAttrs(attrs)}
}

func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{h.Handler.WithGroup(name)}
}
