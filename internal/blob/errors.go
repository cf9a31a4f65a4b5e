package blob

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"gocloud.dev/gcerrors"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotFound: there is no object of that name.
	ErrNotFound = errors.New("no such object")
	// ErrNoSpace: the disk or the quota is full; the object was not written.
	ErrNoSpace = errors.New("no space left for files")
	// ErrName: the name is not a slash path of safe characters.
	ErrName = errors.New("unsafe object name")
)

// maxNameBytes stays below the 255 bytes of a path element plus the suffix of
// the temporary file, and far below S3's 1,024 bytes of a key.
const maxNameBytes = 200

// tempSuffix ends the names fileblob gives to files being written; attrsSuffix
// is its other reserved one. No object may bear either.
const (
	tempSuffix  = ".tmp"
	attrsSuffix = ".attrs"
)

// checkName refuses whatever could mean another path on some system: only
// letters, digits and . _ - in elements that do not begin with a dot.
func checkName(name string) error {
	if name == "" || len(name) > maxNameBytes {
		return fmt.Errorf("%w: %d bytes, want 1 to %d", ErrName, len(name), maxNameBytes)
	}
	if strings.HasSuffix(name, tempSuffix) || strings.HasSuffix(name, attrsSuffix) {
		return fmt.Errorf("%w: reserved ending of %q", ErrName, name)
	}
	for element := range strings.SplitSeq(name, "/") {
		if element == "" || element[0] == '.' {
			return fmt.Errorf("%w: empty element or leading dot in %q", ErrName, name)
		}
	}
	return checkCharacters(name)
}

// checkPrefix is checkName for the beginning of a name: it may be empty, and
// may end with a slash.
func checkPrefix(prefix string) error {
	trimmed := strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return nil
	}
	for element := range strings.SplitSeq(trimmed, "/") {
		if element == "" || element[0] == '.' {
			return fmt.Errorf("%w: empty element or leading dot in %q", ErrName, prefix)
		}
	}
	return checkCharacters(trimmed)
}

func checkCharacters(name string) error {
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		case strings.ContainsRune("._-/", r):
		default:
			return fmt.Errorf("%w: character %q in %q", ErrName, r, name)
		}
	}
	return nil
}

// translate gives an adapter's error the package's own identity and keeps the
// cause below it.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if gcerrors.Code(err) == gcerrors.NotFound {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return noSpace(err)
}

// noSpace marks a full disk and a full quota as ErrNoSpace.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
