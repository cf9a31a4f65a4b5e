package intake

import (
	"errors"
	"fmt"
	"hash"
	"io"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/internal/tabular"
)

// source copies the file to the spool and into the hash as it is read, and keeps
// apart whose fault an error is: the sender's or the disk's.
type source struct {
	file  io.Reader
	spool io.Writer
	sum   hash.Hash
	left  int64 // bytes still allowed
	size  int64

	readErr  error // of the sender
	spoolErr error // of the disk
	isOver   bool  // over the size limit
}

// errSource stops the reader; the reason stands in the source.
var errSource = errors.New("file could not be taken in")

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.file.Read(p)
	if int64(n) > s.left {
		s.isOver = true
		return 0, errSource
	}
	s.left -= int64(n)
	s.size += int64(n)
	if n > 0 {
		s.sum.Write(p[:n]) // a hash never fails
		if _, werr := s.spool.Write(p[:n]); werr != nil {
			s.spoolErr = werr
			return 0, errSource
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.readErr = err
		return n, errSource
	}
	return n, err
}

// refusal says what a failed reading means for the caller.
func (s *staged) refusal(src *source, err error) error {
	switch {
	case src.isOver:
		return sizeRefusal(fmt.Sprintf("the file is larger than %d bytes, the most that is accepted: split it into several files", s.in.o.MaxBytes))
	case src.spoolErr != nil:
		return storageError("writing the spool file", src.spoolErr)
	case src.readErr != nil:
		return aborted(src.readErr)
	}
	var file *tabular.FileError
	if errors.As(err, &file) {
		return fileRefusal(file)
	}
	var header *customer.HeaderError
	if errors.As(err, &header) {
		return &bulk.Refusal{Reason: bulk.RefusedFile, Message: header.Error(), Issues: header.Issues}
	}
	return storageError("reading the file", err)
}

func sizeRefusal(message string) *bulk.Refusal {
	return &bulk.Refusal{
		Reason: bulk.RefusedSize, Message: message,
		Issues: []customer.Issue{{Field: "file", Column: -1, Code: customer.LimitExceeded, Message: message}},
	}
}

// fileRefusal translates the reader's verdict on a whole file.
func fileRefusal(e *tabular.FileError) *bulk.Refusal {
	switch e.Kind {
	case tabular.Binary, tabular.UnsupportedEncoding:
		return &bulk.Refusal{
			Reason: bulk.RefusedFormat, Message: e.Message,
			Issues: []customer.Issue{{Field: "file", Column: -1, Code: customer.UnsupportedFormat, Message: e.Message}},
		}
	case tabular.TooManyRows, tabular.TooManyColumns:
		return sizeRefusal(e.Message)
	case tabular.HeaderTooLarge:
		return &bulk.Refusal{
			Reason: bulk.RefusedFile, Message: e.Message,
			Issues: []customer.Issue{{Field: "file", Column: -1, Code: customer.LimitExceeded, Message: e.Message}},
		}
	case tabular.HeaderMalformed:
		return &bulk.Refusal{
			Reason: bulk.RefusedFile, Message: e.Message,
			Issues: []customer.Issue{{Field: "file", Column: -1, Code: customer.MalformedRow, Message: e.Message}},
		}
	case tabular.Empty:
	}
	return &bulk.Refusal{
		Reason: bulk.RefusedFile, Message: e.Message,
		Issues: []customer.Issue{{Field: "file", Column: -1, Code: customer.EmptyFile, Message: e.Message}},
	}
}

// storageError is a full disk, which the caller may be told, or a fault of ours.
func storageError(doing string, err error) error {
	if errors.Is(err, bulk.ErrNoSpace) {
		return &bulk.Refusal{Reason: bulk.RefusedDiskFull, Message: "there is no room to take the file in; nothing was accepted: try again later"}
	}
	return fmt.Errorf("%s: %w", doing, err)
}
