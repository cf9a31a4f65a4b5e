// Package blob keeps files whole: an upload's spool, its result files and
// whatever else a role needs to find again after a crash. A file lives in a
// local folder or in an S3-compatible bucket, chosen by a URL; callers cannot
// tell which.
//
// An object appears under its name only when it is complete and durable; a
// process that dies before that leaves nothing that can be opened or listed.
// The package knows nothing of what the bytes mean.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	cloud "gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // registers s3://
	"gocloud.dev/gcerrors"
)

// dirMode keeps customer files from other users of the machine.
const dirMode = 0o750

// Store is a folder or a bucket. It is safe for concurrent use.
type Store struct {
	bucket *cloud.Bucket
	// root is the folder's absolute path, empty for a bucket. Everything that
	// the operating system must be asked to make durable happens below it.
	root string
	// syncFile and syncDir are fsync; tests put failing ones in their place.
	syncFile func(*os.File) error
	syncDir  func(dir string) error
}

// Object is one entry of List.
type Object struct {
	Name     string
	Size     int64 // bytes
	Modified time.Time
}

// Open opens the store at rawURL: file:///absolute/folder (made if it is not
// there) or s3://bucket[/prefix][?region=…&endpoint=…&use_path_style=true], whose
// credentials come from the environment as the AWS SDK reads it.
func Open(ctx context.Context, rawURL string) (*Store, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("parse files URL: %w", err)
	}
	switch u.Scheme {
	case "file":
		return openFolder(u)
	case "s3":
		return openBucket(ctx, u)
	default:
		return nil, fmt.Errorf("files URL has scheme %q: want file:///folder or s3://bucket", u.Scheme)
	}
}

func openFolder(u *url.URL) (*Store, error) {
	if u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(u.Path) {
		return nil, errors.New("files URL must name an absolute folder: file:///folder")
	}
	root := filepath.Clean(u.Path)
	if err := mkdirDurable(root, syncDir); err != nil {
		return nil, fmt.Errorf("create files folder: %w", noSpace(err))
	}
	bucket, err := fileblob.OpenBucket(root, &fileblob.Options{
		DirFileMode: dirMode,
		NoTempDir:   true, // beside the final name, so that the rename is atomic
		Metadata:    fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open files folder: %w", err)
	}
	return &Store{bucket: bucket, root: root, syncFile: (*os.File).Sync, syncDir: syncDir}, nil
}

func openBucket(ctx context.Context, u *url.URL) (*Store, error) {
	prefix := strings.Trim(u.Path, "/")
	bare := *u
	bare.Path = ""
	bucket, err := cloud.OpenBucket(ctx, bare.String())
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", u.Host, err)
	}
	if prefix != "" {
		bucket = cloud.PrefixedBucket(bucket, prefix+"/")
	}
	return &Store{bucket: bucket}, nil
}

// Close releases the store's connections. Readers and writers still open fail.
func (s *Store) Close() error {
	if err := s.bucket.Close(); err != nil {
		return fmt.Errorf("close files store: %w", err)
	}
	return nil
}

// Ping reports whether the store answers, for readiness.
func (s *Store) Ping(ctx context.Context) error {
	ok, err := s.bucket.IsAccessible(ctx)
	if err != nil {
		return fmt.Errorf("reach files store: %w", err)
	}
	if !ok {
		return errors.New("reach files store: not accessible")
	}
	return nil
}

// Open reads the object name from byte offset to its end. An offset at or past
// the end reads nothing. It fails with ErrNotFound if there is no such object.
func (s *Store) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("open %s: negative offset %d", name, offset)
	}
	r, err := s.bucket.NewRangeReader(ctx, name, offset, -1, nil)
	if err == nil {
		return r, nil
	}
	// S3 refuses a range that begins past the end, where a file reads nothing.
	if offset > 0 && gcerrors.Code(err) != gcerrors.NotFound {
		if size, sizeErr := s.Size(ctx, name); sizeErr == nil && offset >= size {
			return io.NopCloser(strings.NewReader("")), nil
		}
	}
	return nil, fmt.Errorf("open %s: %w", name, translate(err))
}

// Size returns the object's length in bytes, or ErrNotFound.
func (s *Store) Size(ctx context.Context, name string) (int64, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	attrs, err := s.bucket.Attributes(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("size of %s: %w", name, translate(err))
	}
	return attrs.Size, nil
}

// Exists reports whether there is an object of that name.
func (s *Store) Exists(ctx context.Context, name string) (bool, error) {
	_, err := s.Size(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// List returns the objects whose names begin with prefix, ordered by name. The
// prefix is compared as text: "uploads/a" finds "uploads/ab/spool" too.
func (s *Store) List(ctx context.Context, prefix string) ([]Object, error) {
	if err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	var objects []Object
	it := s.bucket.List(&cloud.ListOptions{Prefix: prefix})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, translate(err))
		}
		if strings.HasSuffix(o.Key, tempSuffix) {
			continue
		}
		objects = append(objects, Object{Name: o.Key, Size: o.Size, Modified: o.ModTime})
	}
}

// Delete removes the object for good; the removal is durable on return. An
// absent object is not an error, so Delete may be repeated. Folders left empty
// go too.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := s.bucket.Delete(ctx, name)
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("delete %s: %w", name, translate(err))
	}
	if s.root == "" {
		return nil
	}
	// Also when it was absent: an earlier Delete may have died before its sync.
	if err := s.pruneFolders(filepath.Dir(filepath.Join(s.root, filepath.FromSlash(name)))); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}
