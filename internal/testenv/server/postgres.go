package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresOptions chooses how a PostgreSQL server is started.
type PostgresOptions struct {
	// Durable keeps fsync on, as benchmarks and crash tests need it. Without it
	// commits are several times faster and a crash of the machine loses data.
	Durable bool
	// Settings are server parameters, for example {"shared_buffers": "512MB"}.
	Settings map[string]string
}

// Postgres is one PostgreSQL server on loopback with one superuser. It may be
// stopped and started again on the same data and port.
type Postgres struct {
	dir        string
	bin        string
	port       int
	password   string
	options    PostgresOptions
	credential *syscall.Credential
	process    *process
}

// StartPostgres makes a new database cluster in dir, which must be on a path
// other users may enter, starts it and waits until it answers.
func StartPostgres(ctx context.Context, dir string, options PostgresOptions) (*Postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	credential, err := unprivileged()
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: dir, bin: bin, password: rand.Text(), options: options, credential: credential}
	if err := p.init(ctx); err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		ports, err := freePorts(1)
		if err != nil {
			return nil, err
		}
		p.port = ports[0]
		if err = p.Start(ctx); err == nil {
			return p, nil
		}
		if attempt == startAttempts || ctx.Err() != nil {
			return nil, err
		}
	}
}

// startAttempts is how often a start is repeated with other ports.
const startAttempts = 3

// unprivileged is the user for a server that refuses to run as root; nil when
// this process is not root. Both names come with Debian.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is exec's word for "the same user"
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

func (p *Postgres) init(ctx context.Context) error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("making the PostgreSQL folder: %w", err)
	}
	passwordFile := filepath.Join(p.dir, "password")
	if err := os.WriteFile(passwordFile, []byte(p.password), 0o600); err != nil {
		return fmt.Errorf("writing the PostgreSQL password: %w", err)
	}
	if p.credential != nil {
		for _, path := range []string{p.dir, passwordFile} {
			if err := os.Chown(path, int(p.credential.Uid), int(p.credential.Gid)); err != nil {
				return fmt.Errorf("giving the PostgreSQL folder away: %w", err)
			}
		}
	}
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "initdb"), //nolint:gosec // the installed program
		"--pgdata", p.data(), "--username", "postgres", "--pwfile", passwordFile, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	cmd.Dir, cmd.Env = p.dir, []string{"LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.credential}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (p *Postgres) data() string    { return filepath.Join(p.dir, "data") }
func (p *Postgres) logPath() string { return filepath.Join(p.dir, "log") }

// Start starts the server again after Stop or Kill, on the same data and port,
// and waits until it answers. The backends of a killed server live on for
// some milliseconds and keep the next one out; hence the second try.
func (p *Postgres) Start(ctx context.Context) error {
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := p.startOnce(ctx)
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
	}
}

func (p *Postgres) startOnce(ctx context.Context) error {
	args := []string{
		"-D", p.data(), "-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(p.port),
		"-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "timezone=UTC",
	}
	if !p.options.Durable {
		args = append(args, "-c", "fsync=off")
	}
	for name, value := range p.options.Settings {
		args = append(args, "-c", name+"="+value)
	}
	var err error
	p.process, err = start(spec{
		path: filepath.Join(p.bin, "postgres"), args: args, env: []string{"LC_ALL=C", "TZ=UTC"}, dir: p.dir,
		logPath: p.logPath(), credential: p.credential,
		onParentDeath: syscall.SIGQUIT, // ends its backends too and frees its shared memory; SIGKILL would not
	})
	if err != nil {
		return err
	}
	if err := p.waitReady(ctx); err != nil {
		return errors.Join(err, p.process.stop(syscall.SIGQUIT, time.Second))
	}
	return nil
}

func (p *Postgres) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return p.process.waitReady(ctx, "PostgreSQL", func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.URL())
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// URL is a superuser's, for the database postgres.
func (p *Postgres) URL() string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", p.password),
		Host: loopback(p.port), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Stop ends every session and shuts down cleanly. Safe to repeat.
func (p *Postgres) Stop() error { return p.process.stop(syscall.SIGINT, 20*time.Second) }

// Kill is a crash: SIGKILL to the server; what was not committed is lost.
func (p *Postgres) Kill() error { return p.process.kill() }

// Ended is closed when the server process is gone, for whatever reason.
func (p *Postgres) Ended() <-chan struct{} { return p.process.done }

// LogTail is the end of the server's log.
func (p *Postgres) LogTail() string { return logTail(p.logPath()) }
