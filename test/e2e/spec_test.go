package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// spec is the API document, which every JSON answer must fit.
type spec struct {
	document *openapi3.T
	router   routers.Router
}

func loadSpec(path string) (*spec, error) {
	document, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the API document: %w", err)
	}
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		return nil, fmt.Errorf("routing the API document: %w", err)
	}
	return &spec{document: document, router: router}, nil
}

// check says how an answer differs from the document; nil: not at all. An answer
// to a call that the document does not have must be the error envelope.
func (s *spec) check(request *http.Request, a *answer) error {
	route, params, err := s.router.FindRoute(request)
	if err != nil {
		if !strings.HasPrefix(request.URL.Path, "/api/v0") {
			return nil
		}
		return s.fits("ErrorEnvelope", a)
	}
	isJSON := strings.HasSuffix(strings.SplitN(a.header.Get("Content-Type"), ";", 2)[0], "json")
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: route},
		Status:                 a.status, Header: a.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: !isJSON, MultiError: true},
	}
	input.SetBodyBytes(a.body)
	return openapi3filter.ValidateResponse(context.Background(), input)
}

func (s *spec) fits(schema string, a *answer) error {
	var value any
	if err := decodeJSON(a.body, &value); err != nil {
		return err
	}
	return s.document.Components.Schemas[schema].Value.VisitJSON(value)
}
