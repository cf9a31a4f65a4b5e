package blob_test

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/internal/blob"
)

// fakeS3 is as much of S3 as the store uses: whole and multipart puts, ranged
// gets, heads, deletes and lists of one bucket. It checks no signatures.
type fakeS3 struct {
	mu      sync.Mutex
	objects map[string][]byte
	parts   map[string]map[int][]byte // by upload id
}

func openFakeBucket(t *testing.T, prefix string) *blob.Store {
	t.Helper()
	s, _ := openFakeS3(t, prefix)
	return s
}

func openFakeS3(t *testing.T, prefix string) (*blob.Store, *fakeS3) {
	t.Helper()
	fake := &fakeS3{objects: map[string][]byte{}, parts: map[string]map[int][]byte{}}
	server := httptest.NewServer(fake)
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	s, err := blob.Open(t.Context(), "s3://bucket"+prefix+"?region=us-east-1&use_path_style=true&endpoint="+server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		http.DefaultClient.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
	})
	return s, fake
}

func (f *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := s3Body(r)
	if err != nil {
		return // a client that went away
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/bucket"), "/")
	uploadID := r.URL.Query().Get("uploadId")
	switch {
	case key == "":
		f.list(w, r.URL.Query().Get("prefix"))
	case r.Method == http.MethodPost && r.URL.Query().Has("uploads"):
		id := strconv.Itoa(len(f.parts) + 1)
		f.parts[id] = map[int][]byte{}
		_, _ = fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == http.MethodPut && uploadID != "":
		n, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
		f.parts[uploadID][n] = body
		w.Header().Set("ETag", `"part"`)
	case r.Method == http.MethodPost:
		parts := f.parts[uploadID]
		var whole []byte
		for _, n := range slices.Sorted(maps.Keys(parts)) {
			whole = append(whole, parts[n]...)
		}
		f.objects[key] = whole
		delete(f.parts, uploadID)
		_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>`)
	case r.Method == http.MethodDelete:
		delete(f.parts, uploadID)
		if uploadID == "" {
			delete(f.objects, key)
		}
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		f.objects[key] = body
		w.Header().Set("ETag", `"whole"`)
	default:
		f.get(w, r, key)
	}
}

func (f *fakeS3) get(w http.ResponseWriter, r *http.Request, key string) {
	object, ok := f.objects[key]
	if !ok {
		s3Error(w, r, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/octet-stream")
	if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		offset, _ := strconv.Atoi(strings.TrimSuffix(from, "-"))
		if offset >= len(object) {
			s3Error(w, r, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, len(object)-1, len(object)))
		w.Header().Set("Content-Length", strconv.Itoa(len(object)-offset))
		w.WriteHeader(http.StatusPartialContent)
		object = object[offset:]
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(len(object)))
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(object)
	}
}

func (f *fakeS3) list(w http.ResponseWriter, prefix string) {
	type entry struct {
		Key, LastModified string
		Size              int
	}
	result := struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []entry
	}{}
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		if strings.HasPrefix(key, prefix) {
			modified := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
			result.Contents = append(result.Contents, entry{Key: key, LastModified: modified, Size: len(f.objects[key])})
		}
	}
	_ = xml.NewEncoder(w).Encode(result)
}

func s3Error(w http.ResponseWriter, r *http.Request, status int, code string) {
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
	}
}

// s3Body reads a body, taking off the aws-chunked framing if it has one.
func s3Body(r *http.Request) ([]byte, error) {
	if r.Header.Get("X-Amz-Decoded-Content-Length") == "" {
		return io.ReadAll(r.Body)
	}
	var body []byte
	in := bufio.NewReader(r.Body)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseInt(strings.TrimSpace(strings.Split(line, ";")[0]), 16, 64)
		if err != nil {
			return nil, err
		}
		if size == 0 {
			_, err := io.Copy(io.Discard, in)
			return body, err
		}
		chunk := make([]byte, size+2)
		if _, err := io.ReadFull(in, chunk); err != nil {
			return nil, err
		}
		body = append(body, chunk[:size]...)
	}
}

func TestBucketTakesLargeObjectsInPartsUnderItsPrefix(t *testing.T) {
	s, fake := openFakeS3(t, "/pre/fix")
	content := strings.Repeat("0123456789abcdef", 1<<20+7) // 16 MB and a bit: three parts
	put(t, s, "big", content)
	if got := read(t, s, "big", 0); got != content {
		t.Errorf("read back %d bytes, want %d", len(got), len(content))
	}
	fake.mu.Lock()
	defer fake.mu.Unlock()
	if _, ok := fake.objects["pre/fix/big"]; !ok || len(fake.parts) != 0 {
		t.Errorf("bucket holds %v and %d unfinished uploads", slices.Collect(maps.Keys(fake.objects)), len(fake.parts))
	}
}
