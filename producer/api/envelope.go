package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// success is the envelope of every answer that is no error.
type success struct {
	ErrorResponse   *struct{} `json:"errorResponse"`
	Payload         any       `json:"payload"`
	ResponseCode    int       `json:"response_code"`
	ResponseMessage string    `json:"response_message"`
}

// answer writes a payload in its envelope. A payload that is JSON already comes
// out byte for byte.
func (s *server) answer(w http.ResponseWriter, r *http.Request, status int, payload any) {
	s.write(w, r, status, success{Payload: payload, ResponseMessage: "Success"})
}

func (s *server) write(w http.ResponseWriter, r *http.Request, status int, envelope any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(envelope); err != nil {
		s.Logger.ErrorContext(r.Context(), "an answer cannot be written as JSON", "err", err)
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // the client may be gone
}

// timestamp is how times outside of errorResponse are written.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
