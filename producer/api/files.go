package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"sluice/internal/bulk"
	"sluice/producer/api/openapi"
)

// GetResultFile implements GET /api/v0/customer/bulk/uploads/{uploadId}/files/{bucket}.
func (s *server) GetResultFile(w http.ResponseWriter, r *http.Request, uploadID openapi.UploadId, bucket openapi.Bucket, params openapi.GetResultFileParams) {
	if !bucket.Valid() {
		s.fail(w, r, notFound("there is no such file: name success, failure or unprocessed"))
		return
	}
	b := bulk.Bucket(bucket)
	if err := s.signed(uploadID, b, &params); err != nil {
		s.fail(w, r, err)
		return
	}
	u, err := s.visible(r, uploadID, params.ParentCompanyId, params.CompanyId)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if !u.State.IsFinal() {
		s.fail(w, r, notFound("the upload is not finished: its files are written at the end"))
		return
	}
	if u.Counters.Bucket(b) == 0 {
		s.fail(w, r, notFound("no row of the upload ended there, so there is no such file"))
		return
	}
	s.sendFile(w, r, u, b)
}

// signed checks the signature of an address that carries one.
func (s *server) signed(uploadID string, b bulk.Bucket, params *openapi.GetResultFileParams) error {
	if params.Signature == nil && params.Expires == nil {
		return nil
	}
	if params.Signature != nil && params.Expires != nil &&
		s.Signer.Verify(uploadID, b, strconv.FormatInt(*params.Expires, 10), *params.Signature, s.Now()) {
		return nil
	}
	return &callError{
		status: http.StatusForbidden, kind: openapi.INVALIDACCESS,
		message: "the address of the file has expired or was changed: take it again from the upload's status",
	}
}

// sendFile streams a result file.
func (s *server) sendFile(w http.ResponseWriter, r *http.Request, u *bulk.Upload, b bulk.Bucket) {
	name := bulk.ResultName(u.ID, b)
	file, err := s.Files.Open(r.Context(), name, 0)
	if errors.Is(err, bulk.ErrNotFound) {
		err = notFound("the file is no longer kept")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer file.Close() //nolint:errcheck // only read from
	h := w.Header()
	if size, err := s.Files.Size(r.Context(), name); err == nil {
		h.Set("Content-Length", strconv.FormatInt(size, 10))
	}
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": bulk.ResultFileName(u.FileName, b)}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
	if _, err := io.Copy(w, file); err != nil {
		s.Logger.InfoContext(r.Context(), "a result file was not sent to its end", "upload_id", u.ID, "err", err)
	}
}
