//go:build !crash

package crash_test

import (
	"testing"

	"sluice/internal/crash"
)

func TestPointsAreEmptyWithoutTheTag(t *testing.T) {
	t.Setenv("SLUICE_CRASH_AT", "1")
	if crash.Enabled {
		t.Fatal("crash points are on")
	}
	allocs := testing.AllocsPerRun(100, func() {
		crash.Before(crash.ApplyCommit)
		crash.After(crash.ApplyCommit)
		crash.Point("anywhere")
	})
	if allocs != 0 {
		t.Fatalf("points allocate %v times", allocs)
	}
}
