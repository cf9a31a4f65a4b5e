//go:build !unix

package broker

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockDir opens the lock file only: there is no advisory lock here, so it is on
// the operator to start one process per directory.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "broker.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open broker lock: %w", err)
	}
	return f, nil
}
