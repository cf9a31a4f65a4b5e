package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"sluice/internal/bulk"
	"sluice/producer/api/openapi"
)

const (
	progressEvery  = 200 * time.Millisecond
	heartbeatEvery = 15 * time.Second
)

// StreamUpload implements GET /api/v0/customer/bulk/uploads/{uploadId}/events.
func (s *server) StreamUpload(w http.ResponseWriter, r *http.Request, uploadID openapi.UploadId, params openapi.StreamUploadParams) {
	u, err := s.visible(r, uploadID, params.ParentCompanyId, params.CompanyId)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	e := &stream{w: w, control: http.NewResponseController(w), sent: -1, beat: s.Now()}
	if params.LastEventID != nil {
		if n, err := strconv.ParseInt(*params.LastEventID, 10, 64); err == nil {
			e.sent = n
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	finished, leave := s.Hub.Watch(u.ID)
	defer leave()
	t := time.NewTicker(progressEvery)
	defer t.Stop()
	for {
		if u, err = s.Store.Upload(r.Context(), uploadID); err != nil {
			return // the reader comes back with Last-Event-ID
		}
		if isDone, err := s.progress(r, e, u); err != nil || isDone {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.Stopping:
			return
		case <-finished:
			finished = nil
		case <-t.C:
		}
	}
}

// progress sends what is new about an upload; true: the stream is at its end.
func (s *server) progress(r *http.Request, e *stream, u *bulk.Upload) (bool, error) {
	done := u.Counters.Done()
	if done > e.sent {
		data, err := json.Marshal(openapi.ProgressEvent{State: openapi.State(u.State), Counters: counters(u.Counters)})
		if err != nil {
			return false, fmt.Errorf("writing progress: %w", err)
		}
		if err := e.send(done, "progress", data, s.Now()); err != nil {
			return false, err
		}
	}
	if !u.State.IsFinal() {
		return false, e.heartbeat(s.Now())
	}
	response, err := s.Store.Response(r.Context(), u.ID)
	if err != nil {
		return false, err
	}
	return true, e.send(done, "response", response.Body, s.Now())
}

// stream writes server-sent events. Data is JSON on one line.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	sent    int64 // id of the last event, -1 before the first
	beat    time.Time
}

func (e *stream) send(id int64, name string, data []byte, now time.Time) error {
	e.sent, e.beat = max(e.sent, id), now
	if _, err := fmt.Fprintf(e.w, "id: %d\nevent: %s\ndata: %s\n\n", id, name, data); err != nil {
		return fmt.Errorf("sending an event: %w", err)
	}
	return e.control.Flush()
}

// heartbeat keeps proxies from closing a quiet stream.
func (e *stream) heartbeat(now time.Time) error {
	if now.Sub(e.beat) < heartbeatEvery {
		return nil
	}
	e.beat = now
	if _, err := fmt.Fprint(e.w, ": still running\n\n"); err != nil {
		return fmt.Errorf("sending a heartbeat: %w", err)
	}
	return e.control.Flush()
}
