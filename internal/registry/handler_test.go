package registry_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"sluice/internal/registry"
)

const (
	firstText  = `{"type":"record","name":"Change","fields":[]}`
	secondText = `{"type":"record","name":"Change","fields":[{"name":"version","type":"long","default":0}]}`
	otherText  = `"string"`
)

func handler() http.Handler {
	return registry.NewHandler([]registry.Schema{
		{ID: 7, Subject: "customer.changes-value", Version: 2, Text: secondText},
		{ID: 3, Subject: "customer.changes-value", Version: 1, Text: firstText},
		{ID: 9, Subject: "bulk.responses-value", Version: 1, Text: otherText},
		{ID: 3, Subject: "a/b", Version: 1, Text: firstText},
	})
}

func quoted(text string) string {
	b, _ := json.Marshal(text) // a string can always be written
	return string(b)
}

func TestHandlerAnswersAsTheRegistryDoes(t *testing.T) {
	h := handler()
	for name, c := range map[string]struct {
		method, path string
		status       int
		want         string
	}{
		"root":                {"GET", "/", 200, `{}`},
		"subjects":            {"GET", "/subjects", 200, `["a/b","bulk.responses-value","customer.changes-value"]`},
		"versions":            {"GET", "/subjects/customer.changes-value/versions", 200, `[1,2]`},
		"escaped_subject":     {"GET", "/subjects/a%2Fb/versions", 200, `[1]`},
		"version":             {"GET", "/subjects/customer.changes-value/versions/1", 200, `{"subject":"customer.changes-value","version":1,"id":3,"schema":` + quoted(firstText) + `}`},
		"latest":              {"GET", "/subjects/customer.changes-value/versions/latest", 200, `{"subject":"customer.changes-value","version":2,"id":7,"schema":` + quoted(secondText) + `}`},
		"latest_as_minus_one": {"GET", "/subjects/customer.changes-value/versions/-1", 200, `{"subject":"customer.changes-value","version":2,"id":7,"schema":` + quoted(secondText) + `}`},
		"text_of_version":     {"GET", "/subjects/customer.changes-value/versions/1/schema", 200, firstText},
		"id":                  {"GET", "/schemas/ids/7", 200, `{"schema":` + quoted(secondText) + `}`},
		"id_with_a_query":     {"GET", "/schemas/ids/7?fetchMaxId=false&subject=x", 200, `{"schema":` + quoted(secondText) + `}`},
		"text_of_id":          {"GET", "/schemas/ids/9/schema", 200, otherText},
		"subjects_of_id":      {"GET", "/schemas/ids/3/subjects", 200, `["a/b","customer.changes-value"]`},
		"versions_of_id":      {"GET", "/schemas/ids/9/versions", 200, `[{"subject":"bulk.responses-value","version":1}]`},
		"types":               {"GET", "/schemas/types", 200, `["AVRO"]`},
		"config":              {"GET", "/config", 200, `{"compatibilityLevel":"FULL_TRANSITIVE"}`},
		"mode":                {"GET", "/mode", 200, `{"mode":"READONLY"}`},

		"unknown_subject":         {"GET", "/subjects/none/versions", 404, `{"error_code":40401,"message":"Subject 'none' not found."}`},
		"unknown_subject_version": {"GET", "/subjects/none/versions/1", 404, `{"error_code":40401,"message":"Subject 'none' not found."}`},
		"unknown_version":         {"GET", "/subjects/a%2Fb/versions/2", 404, `{"error_code":40402,"message":"Version 2 not found."}`},
		"version_zero":            {"GET", "/subjects/a%2Fb/versions/0", 422, `{"error_code":42202,"message":"The specified version '0' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""}`},
		"version_no_number":       {"GET", "/subjects/a%2Fb/versions/new", 422, `{"error_code":42202,"message":"The specified version 'new' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""}`},
		"version_too_large":       {"GET", "/subjects/a%2Fb/versions/2147483648", 422, `{"error_code":42202,"message":"The specified version '2147483648' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""}`},
		"unknown_id":              {"GET", "/schemas/ids/1", 404, `{"error_code":40403,"message":"Schema 1 not found"}`},
		"unknown_id_versions":     {"GET", "/schemas/ids/1/versions", 404, `{"error_code":40403,"message":"Schema 1 not found"}`},
		"id_no_number":            {"GET", "/schemas/ids/x", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
		"unknown_path":            {"GET", "/exporters", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`},
		"registering":             {"POST", "/subjects/a%2Fb/versions", 405, `{"error_code":405,"message":"HTTP 405 Method Not Allowed"}`},
		"deleting":                {"DELETE", "/subjects/a%2Fb/versions/1", 405, `{"error_code":405,"message":"HTTP 405 Method Not Allowed"}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil))
			if w.Code != c.status || w.Body.String() != c.want {
				t.Fatalf("answered %d %s\nwant     %d %s", w.Code, w.Body, c.status, c.want)
			}
			if got := w.Header().Get("Content-Type"); got != registry.ContentType {
				t.Fatalf("content type %q", got)
			}
		})
	}
}

func TestHandlerWithoutSchemasHasNoSubjects(t *testing.T) {
	w := httptest.NewRecorder()
	registry.NewHandler(nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/subjects", nil))
	if w.Body.String() != "[]" {
		t.Fatalf("answered %s", w.Body)
	}
}
