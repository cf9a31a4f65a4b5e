package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

const (
	kb Size = 1_000
	mb Size = 1_000 * kb
	gb Size = 1_000 * mb
)

// units, longest first, so that "MiB" is not read as "B".
func units() []struct {
	suffix string
	bytes  Size
} {
	return []struct {
		suffix string
		bytes  Size
	}{
		{"kib", 1 << 10},
		{"mib", 1 << 20},
		{"gib", 1 << 30},
		{"kb", kb},
		{"mb", mb},
		{"gb", gb},
		{"b", 1},
	}
}

// ParseSize reads "2GB", "64 MiB", "1500" (bytes).
func ParseSize(text string) (Size, error) {
	number, unit := strings.ToLower(strings.TrimSpace(text)), Size(1)
	for _, u := range units() {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = rest, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimSpace(number), "_", ""), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return 0, fmt.Errorf("%q is not a size: want a whole number and B, KB, MB, GB, KiB, MiB or GiB", text)
	}
	return Size(n) * unit, nil
}

// String writes the size in the largest unit that loses nothing.
func (s Size) String() string {
	for _, u := range []struct {
		name  string
		bytes Size
	}{{"GB", gb}, {"MB", mb}, {"KB", kb}} {
		if s >= u.bytes && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
