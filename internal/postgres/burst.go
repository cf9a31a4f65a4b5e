package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"sluice/internal/crash"
)

// statement is a text with its parameters: an *array, bytes for bytea, or
// whatever pgx encodes.
type statement struct {
	text string
	args []any
}

// expecting makes a statement with "RETURNING 1" end the transaction with the
// given SQLSTATE unless it touches n rows. args are numbered from 3 on.
func expecting(n int, state, text string, args ...any) statement {
	return statement{
		text: `WITH touched AS (` + text + ` RETURNING 1) SELECT sluice_expect(count(*), $1, $2) FROM touched`,
		args: append([]any{int64(n), state}, args...),
	}
}

// burst runs statements as one transaction, in one trip: first everything the
// statements need is sent, and only when the server has it, in one small packet,
// the word to execute them all and commit. So no lock is ever held while the
// server waits for a client that may have been frozen: from its first lock on it
// needs nobody. There is no BEGIN: statements before one Sync are a transaction.
func burst(ctx context.Context, pool *pgxpool.Pool, step crash.Step, buf []byte, statements []statement) ([]byte, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return buf, fmt.Errorf("wait for a connection: %w", err)
	}
	defer conn.Release() // closes a connection that is not idle
	c := conn.Conn()
	buf, err = appendBinds(ctx, c, buf[:0], statements)
	if err != nil {
		return buf, err
	}
	end, err := appendExecutes(nil, len(statements))
	if err != nil {
		return buf, err
	}
	if err := writeTo(ctx, c.PgConn(), buf); err != nil {
		hangUp(ctx, c)
		return buf, err
	}
	crash.Before(step)
	if err := writeTo(ctx, c.PgConn(), end); err != nil {
		hangUp(ctx, c)
		return buf, &unknownError{err}
	}
	if err := readResults(ctx, c); err != nil {
		return buf, err
	}
	crash.After(step)
	return buf, nil
}

// hangUp closes a connection without a farewell: part of a message may have been
// sent, which nothing may follow.
func hangUp(ctx context.Context, c *pgx.Conn) {
	_ = c.PgConn().Conn().Close()
	_ = c.Close(ctx) // tells pgx and the pool
}

func portal(i int) string { return "p" + strconv.Itoa(i) }

// appendBinds prepares the statements and appends the messages that hand their
// parameters over.
func appendBinds(ctx context.Context, c *pgx.Conn, buf []byte, statements []statement) ([]byte, error) {
	for i := range statements {
		prepared, err := c.Prepare(ctx, statements[i].text, statements[i].text)
		if err != nil {
			return buf, fmt.Errorf("prepare: %w", err)
		}
		params, err := encodeArgs(c, prepared, statements[i].args)
		if err != nil {
			return buf, err
		}
		bind := pgproto3.Bind{
			DestinationPortal: portal(i), PreparedStatement: prepared.Name,
			ParameterFormatCodes: []int16{pgtype.BinaryFormatCode}, Parameters: params,
			ResultFormatCodes: []int16{pgtype.BinaryFormatCode},
		}
		if buf, err = bind.Encode(buf); err != nil {
			return buf, fmt.Errorf("encode parameters: %w", err)
		}
	}
	return buf, nil
}

func appendExecutes(buf []byte, n int) ([]byte, error) {
	var err error
	for i := range n {
		if buf, err = (&pgproto3.Execute{Portal: portal(i)}).Encode(buf); err != nil {
			return buf, fmt.Errorf("encode: %w", err)
		}
	}
	if buf, err = (&pgproto3.Sync{}).Encode(buf); err != nil {
		return buf, fmt.Errorf("encode: %w", err)
	}
	return buf, nil
}

// encodeArgs returns the parameters in their binary form.
func encodeArgs(c *pgx.Conn, prepared *pgconn.StatementDescription, args []any) ([][]byte, error) {
	params := make([][]byte, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case *array:
			params[i] = v.bytes()
		case []byte:
			params[i] = v
		default:
			p, err := c.TypeMap().Encode(prepared.ParamOIDs[i], pgtype.BinaryFormatCode, arg, nil)
			if err != nil {
				return nil, fmt.Errorf("encode parameter %d: %w", i+1, err)
			}
			params[i] = p
		}
	}
	return params, nil
}

// writeTo writes all of buf or until ctx ends.
func writeTo(ctx context.Context, c *pgconn.PgConn, buf []byte) error {
	net := c.Conn()
	stop := context.AfterFunc(ctx, func() { _ = net.SetWriteDeadline(time.Unix(1, 0)) })
	_, err := net.Write(buf)
	if !stop() {
		// The deadline is or will be set: the connection is of no use any more.
		return fmt.Errorf("send statements: %w", errors.Join(ctx.Err(), err))
	}
	if err != nil {
		return fmt.Errorf("send statements: %w", err)
	}
	return nil
}

// readResults reads to the end of a burst and returns the first error of a
// statement, after which nothing was committed. Any other error leaves that open
// and closes the connection.
func readResults(ctx context.Context, c *pgx.Conn) error {
	var failed error
	for {
		message, err := c.PgConn().ReceiveMessage(ctx)
		if err != nil {
			hangUp(ctx, c)
			return &unknownError{err}
		}
		switch m := message.(type) {
		case *pgproto3.ErrorResponse:
			if failed == nil {
				failed = pgconn.ErrorResponseToPgError(m)
			}
		case *pgproto3.ReadyForQuery:
			return failed
		}
	}
}
