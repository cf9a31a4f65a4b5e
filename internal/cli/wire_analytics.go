package cli

import (
	"context"
	"errors"
	"log/slog"

	"sluice/internal/config"
)

func migrateAnalytics(context.Context, config.Config, *slog.Logger) error {
	return errors.New("analytics: not wired")
}
