package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rawCall writes an upload's request on a connection of its own, up to the
// end of what is given of the body.
func (s *server) rawCall(k call, sent string, more ...string) net.Conn {
	s.t.Helper()
	host := strings.TrimPrefix(s.URL, "http://")
	conn, err := net.Dial("tcp", host) //nolint:noctx // this machine
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() }) // most are closed already
	head := fmt.Sprintf("POST %s?%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n", k.path, k.query.Encode(), host, k.header.Get("Content-Type"))
	for _, line := range more {
		head += line + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"+sent); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// readAnswer reads the answer to a raw call and holds it against the document.
func (s *server) readAnswer(conn net.Conn, k call) *answer {
	s.t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(callTimeout)); err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequest(k.method, s.URL+k.path, http.NoBody) //nolint:noctx // only names the call
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		s.t.Fatalf("no answer came: %v", err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := &answer{status: response.StatusCode, header: response.Header, body: body}
	s.check(request, a)
	return a
}

// TestBodyThatEndsEarlyLeavesNothingBehind cuts the connection's sending side.
func TestBodyThatEndsEarlyLeavesNothingBehind(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName", customerID(1)+",One"))
		before := s.snapshot(company)
		k := upload{file: goodFile}.call()
		whole, err := io.ReadAll(k.body())
		if err != nil {
			t.Fatal(err)
		}
		body := string(whole)
		chunk := fmt.Sprintf("%x\r\n%s\r\n", len(body)/2, body[:len(body)/2])
		length := fmt.Sprintf("Content-Length: %d", len(body))
		for _, c := range []struct{ name, header, sent string }{
			{"inside_the_file", length, body[:strings.Index(body, "Changed")]},
			{"before_the_file", length, body[:10]},
			{"before_the_last_boundary", length, body[:len(body)-20]},
			{"before_the_last_byte", length, body[:len(body)-1]},
			{"in_a_chunk", "Transfer-Encoding: chunked", chunk[:len(chunk)-20]},
			{"between_two_chunks", "Transfer-Encoding: chunked", chunk},
		} {
			t.Run(c.name, func(t *testing.T) {
				conn := s.rawCall(k, c.sent, c.header)
				if err := conn.(*net.TCPConn).CloseWrite(); err != nil { //nolint:errcheck // it is one
					t.Fatal(err)
				}
				r := refusal{status: 400, kind: requestAbort, says: "nothing was accepted"}
				r.check(t, s.readAnswer(conn, k))
			})
		}
		if changes := before.diff(s.snapshot(company)); len(changes) > 0 {
			t.Errorf("bodies that ended early left something behind:\n%s", strings.Join(changes, "\n"))
		}
	})
}

// TestOverloadIsRefusedForNow holds more uploads open than are taken in at once.
func TestOverloadIsRefusedForNow(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.create(lines("customerId,legalName", customerID(1)+",One"))
		before := s.snapshot(company)
		k := upload{file: goodFile}.call()
		body, err := io.ReadAll(k.body())
		if err != nil {
			t.Fatal(err)
		}
		var open []net.Conn
		var a *answer
		eventually(t, "the server takes no more files in", func() bool {
			open = append(open, s.rawCall(k, string(body[:len(body)/2]), fmt.Sprintf("Content-Length: %d", len(body))))
			if len(open) <= 64 {
				return false
			}
			a = s.send(upload{file: goodFile, header: headers("Idempotency-Key", fmt.Sprint("overload-", len(open)))})
			return a.status != http.StatusOK
		})
		r := refusal{status: 503, kind: systemError, says: "try again"}
		r.check(t, a)
		if a.header.Get("Retry-After") == "" {
			t.Error("503 comes without Retry-After")
		}
		for _, conn := range open {
			_ = conn.Close() // the server drops what they sent
		}
		eventually(t, "files are taken in again", func() bool {
			return s.send(upload{file: goodFile}).status == http.StatusOK
		})
		after := s.snapshot(company)
		for _, change := range before.diff(after) {
			if strings.Contains(change, "spool") || strings.Contains(change, ".tmp") {
				t.Errorf("uploads that were cut off left something behind: %s", change)
			}
		}
	})
}

// TestFaultOfOurOwnTellsNoInternals puts a file where the spool's folder must be.
func TestFaultOfOurOwnTellsNoInternals(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b)
		s.toleratesErrors = true
		s.create(lines("customerId,legalName", customerID(1)+",One"))
		before := s.snapshot(company)
		spool := filepath.Join(s.files(), "spool")
		if err := os.RemoveAll(spool); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(spool, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		k := upload{file: goodFile}.call()
		r := refusal{status: 500, kind: systemError, says: "report the requestId"}
		a := s.do(k)
		r.check(t, a)
		eventually(t, "the log has the requestId", func() bool { return strings.Contains(s.log.String(), a.Error.RequestID) })
		if err := os.Remove(spool); err != nil {
			t.Fatal(err)
		}
		if changes := before.diff(s.snapshot(company)); len(changes) > 0 {
			t.Errorf("the failed call left something behind:\n%s", strings.Join(changes, "\n"))
		}
		if a := s.do(k); a.status != http.StatusOK {
			t.Errorf("once the fault is mended the call is answered %d", a.status)
		}
	})
}

// TestFullDiskIsRefused keeps the files on a file system of 2 MB, which needs a
// mount namespace of the server's own and no privilege.
func TestFullDiskIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		small := t.TempDir()
		s := startWrapped(t, b, []string{
			"unshare", "--user", "--map-root-user", "--mount",
			"sh", "-c", `mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"`, small,
		}, "--files", "file://"+small)
		s.toleratesErrors = true
		s.create(lines("customerId,legalName", customerID(1)+",One"))
		var file strings.Builder
		file.WriteString("customerId,legalName\n")
		for file.Len() < 4<<20 {
			fmt.Fprintf(&file, "%s,%s\n", customerID(1), strings.Repeat("x", 200))
		}
		r := refusal{status: 507, kind: systemError, says: "no room"}
		r.check(t, s.send(upload{file: file.String()}))
		if got := s.apply(upload{file: goodFile}); got.Success != 1 {
			t.Errorf("a small file is not applied beside: %s", got.raw)
		}
	})
}
