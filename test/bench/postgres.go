package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"

	"github.com/jackc/pgx/v5"

	"sluice/internal/event"
	"sluice/internal/postgres"
)

// create makes a database of this run's own and finds the servers' processes.
func (s *servers) create(ctx context.Context) error {
	u, err := url.Parse(s.postgres)
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
	if s.postgresPID, err = listener(u.Hostname() + ":" + port); err != nil {
		return err
	}
	name := fmt.Sprintf("bench_%d", os.Getpid())
	if err := s.execute(ctx, "CREATE DATABASE "+name); err != nil {
		return err
	}
	u.Path = "/" + name
	s.database = u.String()
	return nil
}

func (s *servers) drop(ctx context.Context) error {
	return s.execute(ctx, fmt.Sprintf("DROP DATABASE bench_%d WITH (FORCE)", os.Getpid()))
}

func (s *servers) execute(ctx context.Context, statement string) (err error) {
	conn, err := pgx.Connect(ctx, s.postgres)
	if err != nil {
		return fmt.Errorf("connecting to PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

func openPostgres(ctx context.Context, database string) (applyStore, error) {
	return postgres.Open(ctx, postgres.Options{
		URL: database, Codec: event.NewCodec(event.DefaultIDs()), Logger: slog.New(slog.DiscardHandler),
	})
}
