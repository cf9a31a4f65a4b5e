package api

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/producer/api/openapi"
)

// ListUploads implements GET /api/v0/customer/bulk/uploads.
func (s *server) ListUploads(w http.ResponseWriter, r *http.Request, params openapi.ListUploadsParams) {
	name, err := company(params.ParentCompanyId, params.CompanyId)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	limit, err := pageSize(params.Limit)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	before, err := position(params.Cursor)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	uploads, err := s.Store.Uploads(r.Context(), name, before, limit+1)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page := struct {
		Uploads []openapi.Upload `json:"uploads"`
		Next    *string          `json:"next"`
	}{Uploads: []openapi.Upload{}}
	if len(uploads) > limit {
		uploads = uploads[:limit]
		page.Next = cursor(uploads[limit-1].ID)
	}
	for i := range uploads {
		page.Uploads = append(page.Uploads, s.view(&uploads[i]))
	}
	s.answer(w, r, http.StatusOK, page)
}

// GetUpload implements GET /api/v0/customer/bulk/uploads/{uploadId}.
func (s *server) GetUpload(w http.ResponseWriter, r *http.Request, uploadID openapi.UploadId, params openapi.GetUploadParams) {
	u, err := s.visible(r, uploadID, params.ParentCompanyId, params.CompanyId)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	status := struct {
		Upload   openapi.Upload  `json:"upload"`
		Response json.RawMessage `json:"response"`
	}{Upload: s.view(u), Response: json.RawMessage("null")}
	if u.State.IsFinal() {
		response, err := s.Store.Response(r.Context(), u.ID)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		status.Response = response.Body
		w.Header().Set("Bulk-Outcome", string(response.Outcome))
	} else {
		w.Header().Set("Retry-After", "1")
	}
	s.answer(w, r, http.StatusOK, status)
}

// visible returns an upload if the call may see it.
func (s *server) visible(r *http.Request, uploadID string, parent, own *openapi.CompanyId) (*bulk.Upload, error) {
	name, err := company(parent, own)
	if err != nil {
		return nil, err
	}
	u, err := s.Store.Upload(r.Context(), uploadID)
	if errors.Is(err, bulk.ErrNotFound) || err == nil && name != "" && u.Company != name {
		return nil, notFound("there is no such upload: check its id and company")
	}
	return u, err
}

// view turns an upload into what the API shows.
func (s *server) view(u *bulk.Upload) openapi.Upload {
	v := openapi.Upload{
		UploadId: u.ID, State: openapi.State(u.State), Kind: openapi.Kind(u.Kind), CompanyId: u.Company,
		FileName: u.FileName, Sha256: u.SHA256,
		Dialect: openapi.Dialect{
			Format: u.Dialect.Format, Encoding: u.Dialect.Encoding, Bom: u.Dialect.BOM,
			Delimiter: u.Dialect.Delimiter, LineEnding: u.Dialect.LineEnding, Confidence: u.Dialect.Confidence,
		},
		Warnings: issues(u.Warnings), AcceptedAt: timestamp(u.AcceptedAt), Counters: counters(u.Counters),
		Links: openapi.Links{Self: s.path(u.ID, ""), Events: s.path(u.ID, "/events")},
	}
	if u.Owner != "" {
		v.Owner = &u.Owner
	}
	if !u.State.IsFinal() {
		return v
	}
	at := timestamp(u.FinishedAt)
	v.FinishedAt = &at
	for bucket, link := range map[bulk.Bucket]**string{
		bulk.BucketSuccess: &v.Links.Success, bulk.BucketFailure: &v.Links.Failure, bulk.BucketUnprocessed: &v.Links.Unprocessed,
	} {
		if u.Counters.Bucket(bucket) > 0 {
			path := s.PublicURL + bulk.FilePath(u.ID, bucket)
			*link = &path
		}
	}
	return v
}

func counters(c bulk.Counters) openapi.Counters {
	return openapi.Counters{Total: c.Total, Applied: c.Applied, Unchanged: c.Unchanged, Failed: c.Failed, Unprocessed: c.Unprocessed, Warned: c.Warned}
}

func issues(list []customer.Issue) []openapi.RowIssue {
	out := []openapi.RowIssue{}
	for _, i := range list {
		issue := openapi.RowIssue{Code: string(i.Code), Message: i.Message}
		if i.Field != "" {
			issue.Field, issue.RejectedValue = &i.Field, &i.Rejected
		}
		out = append(out, issue)
	}
	return out
}

const (
	defaultPage = 20
	maxPage     = 100
)

func pageSize(limit *int32) (int, error) {
	if limit == nil {
		return defaultPage, nil
	}
	if *limit < 1 || *limit > maxPage {
		return 0, invalid("limit", strconv.Itoa(int(*limit)), "limit must be 1 to 100")
	}
	return int(*limit), nil
}

// cursor hides where a page ended.
func cursor(at string) *string {
	c := base64.RawURLEncoding.EncodeToString([]byte(at))
	return &c
}

func position(c *string) (string, error) {
	if c == nil {
		return "", nil
	}
	at, err := base64.RawURLEncoding.DecodeString(*c)
	if err != nil {
		return "", invalid("cursor", *c, "cursor must be the next of the page before")
	}
	return string(at), nil
}
