package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/producer/api/openapi"
)

// callError is an error of a call that its sender can mend.
type callError struct {
	status  int
	kind    openapi.ErrorType
	message string
	details []openapi.ApiSubError
	retry   int // seconds; 0: no Retry-After
}

func (e *callError) Error() string { return e.message }

// retrySeconds is what a caller is told to wait when we are short of something.
const retrySeconds = 5

// classify is the one place where an error becomes a status. What is not the
// caller's to mend becomes a 500 that says nothing of its cause.
func classify(err error) *callError {
	var call *callError
	if errors.As(err, &call) {
		return call
	}
	var refusal *bulk.Refusal
	if errors.As(err, &refusal) {
		return classifyRefusal(refusal)
	}
	switch {
	case errors.Is(err, bulk.ErrNotFound):
		return notFound("there is no such record")
	case errors.Is(err, bulk.ErrNoSpace):
		return classifyRefusal(&bulk.Refusal{Reason: bulk.RefusedDiskFull, Message: "there is no room left; nothing was accepted: try again later"})
	case errors.Is(err, context.DeadlineExceeded):
		return &callError{
			status: http.StatusServiceUnavailable, kind: openapi.SYSTEMERROR, retry: retrySeconds,
			message: "the service is overloaded: try again",
		}
	}
	return &callError{
		status: http.StatusInternalServerError, kind: openapi.SYSTEMERROR,
		message: "the service met an error of its own: try again, with the same Idempotency-Key if one was sent, and report the requestId if it stays",
	}
}

func classifyRefusal(r *bulk.Refusal) *callError {
	e := &callError{message: r.Message, details: details(r)}
	switch r.Reason {
	case bulk.RefusedRequest:
		e.status, e.kind = http.StatusBadRequest, openapi.CLIENTREQUESTERROR
	case bulk.RefusedAborted:
		e.status, e.kind = http.StatusBadRequest, openapi.CLIENTREQUESTABORT
	case bulk.RefusedCompany:
		e.status, e.kind = http.StatusNotFound, openapi.RECORDNOTFOUND
	case bulk.RefusedFile:
		e.status, e.kind = http.StatusUnprocessableEntity, openapi.UNPROCESSABLEREQUEST
	case bulk.RefusedKey:
		e.status, e.kind = http.StatusConflict, openapi.CLIENTREQUESTERROR
	case bulk.RefusedSize:
		e.status, e.kind = http.StatusRequestEntityTooLarge, openapi.CLIENTREQUESTERROR
	case bulk.RefusedFormat:
		e.status, e.kind = http.StatusUnsupportedMediaType, openapi.CLIENTREQUESTERROR
	case bulk.RefusedOverload:
		e.status, e.kind, e.retry = http.StatusServiceUnavailable, openapi.SYSTEMERROR, retrySeconds
	case bulk.RefusedDiskFull:
		e.status, e.kind = http.StatusInsufficientStorage, openapi.SYSTEMERROR
	}
	return e
}

// details lists what is wrong one by one.
func details(r *bulk.Refusal) []openapi.ApiSubError {
	var out []openapi.ApiSubError
	for _, i := range r.Issues {
		d := openapi.ApiSubError{Object: objectOf(i), Code: string(i.Code), Message: i.Message}
		if i.Field != "" {
			d.Field = &i.Field
		}
		if i.Rejected != "" {
			d.RejectedValue = &i.Rejected
		}
		if r.Row > 0 {
			d.Row = &r.Row
		}
		out = append(out, d)
	}
	return out
}

// objectOf says what an issue of a whole call speaks of.
func objectOf(i customer.Issue) string {
	switch {
	case i.Code == customer.KeyReused || i.Code == customer.UnknownOption || i.Code == customer.OptionNotBuilt:
		return "request"
	case i.Field == "file":
		return "file"
	default:
		return "column"
	}
}

func notFound(message string) *callError {
	return &callError{status: http.StatusNotFound, kind: openapi.RECORDNOTFOUND, message: message}
}

// invalid is a parameter whose value is not allowed.
func invalid(parameter, value, message string) *callError {
	return &callError{
		status: http.StatusBadRequest, kind: openapi.VALIDATIONERROR, message: message,
		details: []openapi.ApiSubError{{Object: "request", Field: &parameter, RejectedValue: &value, Code: string(customer.InvalidFormat), Message: message}},
	}
}

// badRequest is a call that is wrong as such.
func badRequest(parameter string, code customer.Code, message string) *callError {
	e := &callError{status: http.StatusBadRequest, kind: openapi.CLIENTREQUESTERROR, message: message}
	if parameter != "" {
		e.details = []openapi.ApiSubError{{Object: "request", Field: &parameter, Code: string(code), Message: message}}
	}
	return e
}

// badParameter translates what the generated code says of a parameter.
func badParameter(err error) *callError {
	var format *openapi.InvalidParamFormatError
	if errors.As(err, &format) {
		return invalid(format.ParamName, "", format.ParamName+" has a value that is not allowed: see /openapi.json")
	}
	return &callError{status: http.StatusBadRequest, kind: openapi.VALIDATIONERROR, message: "a parameter is wrong: see /openapi.json"}
}

// severity is how a failed call is logged: overload heals itself, and a caller
// that went away, which cancels whatever is done for it, is nobody's fault.
func severity(r *http.Request, e *callError) slog.Level {
	switch {
	case r.Context().Err() != nil:
		return slog.LevelInfo
	case e.status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// fail answers with an error.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := classify(err)
	if e.status >= http.StatusInternalServerError {
		s.Logger.Log(r.Context(), severity(r, e), "a call failed", "status", e.status, "path", r.URL.Path, "err", err)
	}
	if e.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.retry))
	}
	if e.details == nil {
		e.details = []openapi.ApiSubError{}
	}
	s.write(w, r, e.status, openapi.ErrorEnvelope{
		ErrorResponse: openapi.ErrorResponse{
			ApiSubErrors: e.details, ErrorMessage: e.message, ErrorType: e.kind,
			RequestId: s.RequestID(r.Context()), Timestamp: s.Now().UTC().Format("2006-01-02 15:04:05"),
		},
		ResponseCode: 1, ResponseMessage: "Failure",
	})
}
