package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/producer/api/openapi"
)

// BulkUpdate implements POST /api/v0/customer/bulk/update.
func (s *server) BulkUpdate(w http.ResponseWriter, r *http.Request, params openapi.BulkUpdateParams) {
	s.upload(w, r, bulk.KindUpdate, params)
}

// BulkCreate implements POST /api/v0/customer/bulk.
func (s *server) BulkCreate(w http.ResponseWriter, r *http.Request, params openapi.BulkCreateParams) {
	s.upload(w, r, bulk.KindCreate, openapi.BulkUpdateParams(params))
}

// upload takes a file in and answers with what became of it.
func (s *server) upload(w http.ResponseWriter, r *http.Request, kind bulk.Kind, params openapi.BulkUpdateParams) {
	req, err := s.request(kind, &params)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	select {
	case s.slots <- struct{}{}:
	default:
		s.fail(w, r, &bulk.Refusal{Reason: bulk.RefusedOverload, Message: "too many files are being taken in at once; nothing was accepted: try again"})
		return
	}
	u, isNew, err := s.take(r, req)
	<-s.slots
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.Logger.InfoContext(r.Context(), "upload accepted", "upload_id", u.ID, "new", isNew, "rows", u.Counters.Total, "kind", kind)
	if !isNew {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	s.answerUpload(w, r, u, isNew, prefer(params.Prefer, s.Wait))
}

// request checks everything about a call but its body.
func (s *server) request(kind bulk.Kind, params *openapi.BulkUpdateParams) (bulk.IntakeRequest, error) {
	req := bulk.IntakeRequest{Kind: kind}
	var err error
	if req.Company, err = required(params.ParentCompanyId, params.CompanyId); err != nil {
		return req, err
	}
	if req.Options, err = uploadOptions(params); err != nil {
		return req, err
	}
	req.IdempotencyKey, err = idempotencyKey(params.IdempotencyKey)
	return req, err
}

// take reads the multipart body: one part named file, and nothing else.
func (s *server) take(r *http.Request, req bulk.IntakeRequest) (*bulk.Upload, bool, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "multipart/form-data" {
		return nil, false, &bulk.Refusal{Reason: bulk.RefusedFormat, Message: "send the file as multipart/form-data in a part named file"}
	}
	body := &sentBody{ReadCloser: r.Body}
	r.Body = body
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, false, badRequest("file", customer.InvalidFormat, "the multipart body has no boundary: let an HTTP library make it")
	}
	part, err := nextPart(parts, body)
	if err != nil {
		return nil, false, err
	}
	if part == nil {
		return nil, false, badRequest("file", customer.Required, "the body has no part named file: add the file under that name")
	}
	req.FileName = label(part.FileName())
	staged, err := s.Intake.Stage(r.Context(), req, part)
	if err != nil {
		return nil, false, err
	}
	another, err := nextPart(parts, body)
	if err == nil && another != nil {
		err = badRequest("file", customer.UnknownOption, "the body has two parts named file: send one file in each call")
	}
	if err != nil {
		staged.Discard(r.Context())
		return nil, false, err
	}
	// From here on the client may go away: the upload goes on without it.
	return staged.Accept(context.WithoutCancel(r.Context()))
}

// sentBody remembers whether the sender stopped before the body's end. The
// multipart reader takes a part's header that was cut for a malformed one.
type sentBody struct {
	io.ReadCloser
	isCut bool
}

// Read implements io.Reader.
func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.isCut = b.isCut || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// nextPart returns the next part, which must be named file; nil at the end.
func nextPart(parts *multipart.Reader, body *sentBody) (*multipart.Part, error) {
	part, err := parts.NextPart()
	switch {
	case err != nil && body.isCut, errors.Is(err, io.ErrUnexpectedEOF):
		return nil, &bulk.Refusal{Reason: bulk.RefusedAborted, Message: "the body ended early; nothing was accepted: send it again whole"}
	case err == io.EOF: // the reader wraps io.EOF when the body ends before its last boundary
		return nil, nil //nolint:nilnil // no part is a valid outcome
	case errors.Is(err, io.EOF):
		return nil, &bulk.Refusal{Reason: bulk.RefusedAborted, Message: "the body ended before its last boundary; nothing was accepted: send it again whole"}
	case err != nil:
		return nil, badRequest("file", customer.InvalidFormat, "the multipart body is broken: let an HTTP library make it")
	}
	if part.FormName() != "file" {
		return nil, badRequest(label(part.FormName()), customer.UnknownOption, "the body has a part that this call does not take: send one part, named file")
	}
	return part, nil
}

// label makes a client's text fit to be shown: valid, short, without controls.
func label(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if r := []rune(s); len(r) > maxKeyChars {
		s = string(r[:maxKeyChars])
	}
	return s
}

// answerUpload waits for the upload's end as the call prefers, and answers 200
// with the response or 202 with the counts so far.
func (s *server) answerUpload(w http.ResponseWriter, r *http.Request, u *bulk.Upload, isNew bool, p preference) {
	h := w.Header()
	h.Set("Bulk-Upload-Id", u.ID)
	h.Set("Location", s.path(u.ID, ""))
	if len(p.applied) > 0 {
		h.Set("Preference-Applied", strings.Join(p.applied, ", "))
	}
	response, err := s.await(r.Context(), u.ID, isNew, p.wait)
	switch {
	case err == nil && (p.wait > 0 || !isNew):
		h.Set("Bulk-Outcome", string(response.Outcome))
		s.answer(w, r, http.StatusOK, json.RawMessage(response.Body))
	case err == nil || errors.Is(err, bulk.ErrNotFound):
		s.answerRunning(w, r, u)
	default:
		s.fail(w, r, err)
	}
}

// await returns the response, ErrNotFound when the wait ended before it came. A
// new upload is not looked for at once: it cannot be there yet.
func (s *server) await(ctx context.Context, uploadID string, isNew bool, wait time.Duration) (*bulk.Response, error) {
	finished, leave := s.Hub.Watch(uploadID)
	defer leave()
	if !isNew {
		if response, err := s.Store.Response(ctx, uploadID); !errors.Is(err, bulk.ErrNotFound) {
			return response, err
		}
	}
	if wait <= 0 {
		return nil, bulk.ErrNotFound
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-finished:
	case <-t.C:
	case <-s.Stopping:
	case <-ctx.Done():
	}
	return s.Store.Response(ctx, uploadID)
}

// answerRunning answers 202 with the counts so far.
func (s *server) answerRunning(w http.ResponseWriter, r *http.Request, u *bulk.Upload) {
	now, err := s.Store.Upload(r.Context(), u.ID)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(1))
	s.answer(w, r, http.StatusAccepted, soFar(now.Counters))
}

// soFar is the BulkResponse of an upload that has none yet.
func soFar(c bulk.Counters) openapi.BulkResponse {
	return openapi.BulkResponse{
		TotalCount: count(c.Total), SuccessCount: count(c.Success()), FailureCount: count(c.Failed), WarnCount: count(c.Warned),
		TotalAmount:     json.Number(c.Amount.String()),
		SuccessRequests: []openapi.RowReport{}, FailureRequests: []openapi.RowReport{},
	}
}

// count narrows a number of rows to the answer's type; the row limit is far below.
func count(n int64) int32 { return int32(min(n, math.MaxInt32)) }

// path returns the path of an upload's resource, absolute if we know our address.
func (s *server) path(uploadID, rest string) string {
	return s.PublicURL + "/api/v0/customer/bulk/uploads/" + uploadID + rest
}
