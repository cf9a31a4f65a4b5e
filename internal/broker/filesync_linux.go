package broker

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncFile syncs data and size, not the times.
func syncFile(f *os.File) error {
	return unix.Fdatasync(int(f.Fd()))
}
