package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// engine is ClickHouse inside this process, busy with a query that reads a
// pipe. Closing the pipe's other end lets the query and the engine finish.
type engine struct {
	keepOpen *os.File
	done     chan struct{} // closed when the engine has ended
	message  string        // its error; read after done
}

func startEngine(library, path string, tcpPort, httpPort int) (*engine, error) {
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("loading the engine: %w", err)
	}
	var (
		setSignalHandlers func(int32)
		queryCmdline      func(int32, **byte) uintptr
		resultError       func(uintptr) *byte
	)
	purego.RegisterLibFunc(&setSignalHandlers, handle, "chdb_set_signal_handlers_enabled")
	purego.RegisterLibFunc(&queryCmdline, handle, "chdb_query_cmdline")
	purego.RegisterLibFunc(&resultError, handle, "chdb_result_error")
	setSignalHandlers(0) // Go's own must stay; this call comes before all others

	waitOn, keepOpen, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe: %w", err)
	}
	args := []string{
		"clickhouse", "--path=" + path, "--query",
		fmt.Sprintf("SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; "+
			"SELECT count() FROM file('/proc/self/fd/%d', 'LineAsString', 's String') SETTINGS storage_file_read_method='read'", waitOn.Fd()),
		"--", "--listen_host=127.0.0.1", fmt.Sprintf("--tcp_port=%d", tcpPort), fmt.Sprintf("--http_port=%d", httpPort),
	}
	e := &engine{keepOpen: keepOpen, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		runtime.LockOSThread() // the engine keeps thread-local state; the thread ends with it
		argv := cStrings(args)
		result := queryCmdline(int32(len(args)), &argv[0])
		runtime.KeepAlive(argv)
		runtime.KeepAlive(waitOn)
		e.message = goString(resultError(result))
	}()
	return e, nil
}

// stop lets the engine finish and returns its error. Safe to repeat.
func (e *engine) stop() error {
	_ = e.keepOpen.Close() // closed before: the engine is ending already
	<-e.done
	if e.message != "" {
		return errors.New(e.message)
	}
	return nil
}

// cStrings is an argv: NUL-terminated strings and a nil at the end.
func cStrings(args []string) []*byte {
	argv := make([]*byte, 0, len(args)+1)
	for _, arg := range args {
		argv = append(argv, unsafe.SliceData(append([]byte(arg), 0))) //nolint:gosec // the C call asks for pointers
	}
	return append(argv, nil)
}

func goString(p *byte) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 { //nolint:gosec // C gives no length
		n++
	}
	return string(unsafe.Slice(p, n)) //nolint:gosec // just measured
}
