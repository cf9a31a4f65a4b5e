package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// expectContinueBytes is the size from which a file is announced before it is
// sent, so that a refusal costs no transfer.
const expectContinueBytes = 1 << 20

// fileForm is a multipart body around a file on disk. The file is opened for
// each attempt and never held in memory; its length is known beforehand.
type fileForm struct {
	path        string
	contentType string
	head, tail  []byte
	fileBytes   int64             // when it was first looked at
	onSent      func(bytes int64) // of the file, so far in this attempt
}

func newFileForm(path string) (*fileForm, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	name := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "_", "\n", "_").Replace(filepath.Base(path))
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="file"; filename="%s"`, name))
	header.Set("Content-Type", fileType(path))
	if _, err := w.CreatePart(header); err != nil {
		return nil, err
	}
	headLength := form.Len()
	if err := w.Close(); err != nil {
		return nil, err
	}
	content := form.Bytes()
	return &fileForm{
		path: path, contentType: w.FormDataContentType(), fileBytes: info.Size(),
		head: content[:headLength], tail: content[headLength:], onSent: func(int64) {},
	}, nil
}

func fileType(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return "text/csv"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	default:
		return "application/octet-stream"
	}
}

// open begins the body once more and returns its length.
func (f *fileForm) open() (io.ReadCloser, int64, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	counted := &countingReader{reader: io.LimitReader(file, info.Size()), onRead: f.onSent}
	body := struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(f.head), counted, bytes.NewReader(f.tail)), file}
	return body, int64(len(f.head)) + info.Size() + int64(len(f.tail)), nil
}

// request makes the call that uploads the file.
func (f *fileForm) request(ctx context.Context, address string, header http.Header) (*http.Request, error) {
	body, length, err := f.open()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, body)
	if err != nil {
		return nil, errors.Join(err, body.Close())
	}
	request.Header = header.Clone()
	request.Header.Set("Content-Type", f.contentType)
	request.ContentLength = length
	if length > expectContinueBytes {
		request.Header.Set("Expect", "100-continue")
	}
	request.GetBody = func() (io.ReadCloser, error) {
		body, _, err := f.open()
		return body, err
	}
	return request, nil
}

// countingReader reports how much was read. It is read by the connection's own
// goroutine, maybe still after the answer came.
type countingReader struct {
	reader io.Reader
	onRead func(int64)
	total  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.total += int64(n)
	c.onRead(c.total)
	return n, err
}

// uploadQuery names the company as the call in question does.
func uploadQuery(company string, isCreate bool) (path string, query url.Values) {
	if isCreate {
		return apiPath, url.Values{"companyId": {company}}
	}
	return apiPath + "/update", url.Values{"parentCompanyId": {company}}
}
