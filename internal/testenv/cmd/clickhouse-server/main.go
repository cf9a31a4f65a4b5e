// Command clickhouse-server runs the ClickHouse engine of libchdb.so with its
// native and HTTP listeners on loopback, for tests. It prints one line of JSON,
// {"tcp":"127.0.0.1:…","http":"127.0.0.1:…"}, once it answers, and ends when
// its standard input closes or a signal arrives.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "clickhouse-server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("clickhouse-server", flag.ContinueOnError)
	library := flags.String("lib", "", "path of libchdb.so")
	path := flags.String("path", "", "data folder; one process at a time")
	tcpPort := flags.Int("tcp-port", 0, "port of the native protocol")
	httpPort := flags.Int("http-port", 0, "port of the HTTP interface")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *library == "" || *path == "" || *tcpPort == 0 || *httpPort == 0 {
		return errors.New("-lib, -path, -tcp-port and -http-port are all needed")
	}
	e, err := startEngine(*library, *path, *tcpPort, *httpPort)
	if err != nil {
		return err
	}
	tcpAddr, httpAddr := fmt.Sprintf("127.0.0.1:%d", *tcpPort), fmt.Sprintf("127.0.0.1:%d", *httpPort)
	if err := waitAnswers(ctx, e, tcpAddr, httpAddr); err != nil {
		return errors.Join(err, e.stop())
	}
	if err := json.NewEncoder(stdout).Encode(map[string]string{"tcp": tcpAddr, "http": httpAddr}); err != nil {
		return errors.Join(fmt.Errorf("printing the addresses: %w", err), e.stop())
	}
	// This read cannot be interrupted; after a signal it ends with the process.
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // any end of it means the owner is gone
		close(closed)
	}()
	select {
	case <-ctx.Done():
	case <-closed:
	case <-e.done:
	}
	return e.stop()
}

// waitAnswers returns when both listeners answer; an engine that ended, for
// instance because a port was taken, is an error at once.
func waitAnswers(ctx context.Context, e *engine, tcpAddr, httpAddr string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := answers(ctx, tcpAddr, httpAddr)
		if err == nil {
			return nil
		}
		select {
		case <-e.done:
			return errors.New("the engine ended before it answered")
		case <-ctx.Done():
			return fmt.Errorf("waiting for the engine: %w", err)
		case <-tick.C:
		}
	}
}

func answers(ctx context.Context, tcpAddr, httpAddr string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", tcpAddr)
	if err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+httpAddr+"/ping", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ping: %s", response.Status)
	}
	return nil
}
