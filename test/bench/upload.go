package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// uploader sends files as any client does.
type uploader struct {
	address string
	client  *http.Client
}

// statusPoll is how often a long upload is asked for; it bounds the error of its time.
const statusPoll = 20 * time.Millisecond

// kinds of upload: path and the parameter that names the company.
var (
	create = [2]string{"/api/v0/customer/bulk", "companyId"}
	update = [2]string{"/api/v0/customer/bulk/update", "parentCompanyId"}
)

// answer is as much of a BulkResponse as matters here.
type answer struct {
	Total   int64 `json:"total_count"`
	Success int64 `json:"success_count"`
	Failure int64 `json:"failure_count"`
}

// upload sends a file and waits for its final response. It fails unless every row
// succeeded.
func (u *uploader) upload(ctx context.Context, kind [2]string, path string, rows int) (time.Duration, error) {
	began := time.Now()
	location, final, err := u.send(ctx, kind, path, "wait=60")
	if err != nil {
		return 0, err
	}
	for final == nil {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(statusPoll):
		}
		if final, err = u.status(ctx, location); err != nil {
			return 0, err
		}
	}
	took := time.Since(began)
	if final.Total != int64(rows) || final.Success != int64(rows) || final.Failure != 0 {
		return 0, fmt.Errorf("%s: of %d rows %d succeeded and %d failed", filepath.Base(path), final.Total, final.Success, final.Failure)
	}
	return took, nil
}

// send makes the one call. It returns where to ask, or the final response.
func (u *uploader) send(ctx context.Context, kind [2]string, path, prefer string) (location string, final *answer, err error) {
	body, contentType, length, err := form(path)
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, ignoreClosed(body.Close())) }()
	query := url.Values{kind[1]: {company()}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.address+kind[0]+"?"+query.Encode(), body)
	if err != nil {
		return "", nil, fmt.Errorf("making the call: %w", err)
	}
	request.ContentLength = length
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Prefer", prefer)
	status, header, envelope, err := u.call(request)
	if err != nil {
		return "", nil, err
	}
	if status == http.StatusAccepted {
		return header.Get("Location"), nil, nil
	}
	final = new(answer)
	if err := json.Unmarshal(envelope, final); err != nil {
		return "", nil, fmt.Errorf("reading the response: %w", err)
	}
	return header.Get("Location"), final, nil
}

// status returns the final response once it is there.
func (u *uploader) status(ctx context.Context, location string) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.address+location, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making the call: %w", err)
	}
	_, _, envelope, err := u.call(request)
	if err != nil {
		return nil, err
	}
	var s struct {
		Response *answer `json:"response"`
	}
	if err := json.Unmarshal(envelope, &s); err != nil {
		return nil, fmt.Errorf("reading the status: %w", err)
	}
	return s.Response, nil
}

// call returns the payload of the answer's envelope.
func (u *uploader) call(request *http.Request) (status int, header http.Header, payload json.RawMessage, err error) {
	response, err := u.client.Do(request)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("calling: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("reading the answer: %w", err)
	}
	var envelope struct {
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(text, &envelope); err != nil || response.StatusCode >= http.StatusBadRequest {
		return 0, nil, nil, fmt.Errorf("answered %s: %.500s", response.Status, text)
	}
	return response.StatusCode, response.Header, envelope.Payload, nil
}

// metric reads one of the server's metrics that has no labels, 0 if there is none.
func (u *uploader) metric(ctx context.Context, name string) float64 {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.address+"/metrics", http.NoBody)
	if err != nil {
		return 0
	}
	response, err := u.client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, _ := strconv.ParseFloat(rest, 64)
			return v
		}
	}
	return 0
}

// form is a multipart body around a file, streamed from disk.
func form(path string) (body io.ReadCloser, contentType string, length int64, err error) {
	var frame bytes.Buffer
	w := multipart.NewWriter(&frame)
	if _, err := w.CreateFormFile("file", filepath.Base(path)); err != nil {
		return nil, "", 0, fmt.Errorf("making the form: %w", err)
	}
	cut := frame.Len()
	if err := w.Close(); err != nil {
		return nil, "", 0, fmt.Errorf("making the form: %w", err)
	}
	head, tail := frame.Bytes()[:cut], frame.Bytes()[cut:]
	f, err := os.Open(path)
	if err != nil {
		return nil, "", 0, fmt.Errorf("opening the file: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, "", 0, errors.Join(fmt.Errorf("looking at the file: %w", err), f.Close())
	}
	length = int64(len(head)) + info.Size() + int64(len(tail))
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), f, bytes.NewReader(tail)), f}, w.FormDataContentType(), length, nil
}

// ignoreClosed forgets that the transport has closed the body already.
func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
