package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"sluice/internal/event"
	"sluice/internal/postgres"
)

// servers are the real ones that the environment names.
type servers struct {
	kafka, database       string // host:port and URL, as the environment names them
	kafkaPID, postgresPID int
}

func serversFromEnvironment() (*servers, error) {
	s := &servers{kafka: os.Getenv("SLUICE_TEST_KAFKA"), database: os.Getenv("SLUICE_TEST_POSTGRES")}
	if s.kafka == "" || s.database == "" {
		return nil, fmt.Errorf("SLUICE_TEST_KAFKA and SLUICE_TEST_POSTGRES are not set: run this under scripts/with-servers -bench -only kafka,postgres")
	}
	if strings.Contains(s.kafka, ",") {
		return nil, fmt.Errorf("one Kafka node is measured, not %s", s.kafka)
	}
	return s, nil
}

// find finds the servers' processes.
func (s *servers) find() error {
	u, err := url.Parse(s.database)
	if err != nil {
		return fmt.Errorf("reading the database's address: %w", err)
	}
	if s.kafkaPID, err = listener(s.kafka); err != nil {
		return err
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	s.postgresPID, err = listener(u.Hostname() + ":" + port)
	return err
}

func openPostgres(ctx context.Context, database string) (applyStore, error) {
	return postgres.Open(ctx, postgres.Options{
		URL: database, Codec: event.NewCodec(event.DefaultIDs()), Logger: slog.New(slog.DiscardHandler),
	})
}
