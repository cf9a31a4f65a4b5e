package openapi_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"sluice/internal/customer"
	"sluice/producer/api/openapi"
	"sluice/schemas"
)

// load reads the document as clients do, from the JSON that is served.
func load(t *testing.T) *openapi3.T {
	t.Helper()
	text, err := openapi.JSON(schemas.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return doc
}

func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	doc := load(t)
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaDefaultsValidation()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.0.") {
		t.Errorf("version %s; generators want 3.0", doc.OpenAPI)
	}
}

func TestDocumentHasTheRoutesThatAreBuilt(t *testing.T) {
	t.Parallel()
	var got []string
	for path, item := range load(t).Paths.Map() {
		for method := range item.Operations() {
			got = append(got, method+" "+path)
		}
	}
	slices.Sort(got)
	want := []string{
		"GET /api/v0/customer/bulk/uploads",
		"GET /api/v0/customer/bulk/uploads/{uploadId}",
		"GET /api/v0/customer/bulk/uploads/{uploadId}/events",
		"GET /api/v0/customer/bulk/uploads/{uploadId}/files/{bucket}",
		"GET /api/v0/customer/{customerId}",
		"GET /healthz",
		"GET /metrics",
		"GET /openapi.json",
		"GET /readyz",
		"GET /schemas/ids/{id}",
		"GET /subjects",
		"GET /subjects/{subject}/versions",
		"GET /subjects/{subject}/versions/{version}",
		"POST /api/v0/customer/bulk",
		"POST /api/v0/customer/bulk/update",
		"POST /api/v0/customer/search",
	}
	if !slices.Equal(got, want) {
		t.Errorf("routes:\n%s", strings.Join(got, "\n"))
	}
}

// TestJSONAnswersAreInTheEnvelope holds for every JSON answer under /api/v0.
func TestJSONAnswersAreInTheEnvelope(t *testing.T) {
	t.Parallel()
	want := []string{"errorResponse", "payload", "response_code", "response_message"}
	for path, item := range load(t).Paths.Map() {
		if !strings.HasPrefix(path, "/api/v0/") {
			continue
		}
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				if response.Value.Headers["X-Request-Id"] == nil {
					t.Errorf("%s %s %s has no X-Request-Id", method, path, status)
				}
				media := response.Value.Content["application/json"]
				if media == nil {
					continue
				}
				schema := media.Schema.Value
				if keys := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(keys, want) || len(schema.Required) != len(want) {
					t.Errorf("%s %s %s: keys %v", method, path, status, keys)
				}
			}
		}
	}
}

func TestBulkResponseHasItsTwelveKeysAlways(t *testing.T) {
	t.Parallel()
	schema := load(t).Components.Schemas["BulkResponse"].Value
	if len(schema.Properties) != 12 || len(schema.Required) != 12 {
		t.Errorf("%d keys, %d required", len(schema.Properties), len(schema.Required))
	}
	text, err := json.Marshal(openapi.BulkResponse{TotalAmount: "12345678901234567890.1234"})
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(text, &keys); err != nil || len(keys) != 12 {
		t.Errorf("generated type writes %s, %v", text, err)
	}
	if !strings.Contains(string(text), `"total_amount":12345678901234567890.1234`) {
		t.Errorf("amount is not exact: %s", text)
	}
}

// TestCustomerSchemaFollowsTheTableOfFields keeps document and rules together.
func TestCustomerSchemaFollowsTheTableOfFields(t *testing.T) {
	t.Parallel()
	doc := load(t)
	schema := doc.Components.Schemas["Customer"].Value
	want := []string{"customerId"}
	for _, spec := range customer.Specs() {
		want = append(want, spec.Name)
		property := schema.Properties[spec.Name]
		if property == nil || !property.Value.Nullable {
			t.Errorf("%s is missing or never null", spec.Name)
			continue
		}
		longest := uint64(0)
		if property.Value.MaxLength != nil {
			longest = *property.Value.MaxLength
		}
		if spec.Kind == customer.Text && longest != uint64(spec.MaxChars) {
			t.Errorf("%s: maxLength %d, rule says %d", spec.Name, longest, spec.MaxChars)
		}
	}
	want = append(want, "version", "updatedAt")
	if !slices.Equal(schema.Required, want) || len(schema.Properties) != len(want) {
		t.Errorf("required: %v", schema.Required)
	}
	c := customer.Customer{CustomerID: "KC0000000000000A", Version: 1, UpdatedAt: time.Unix(0, 0)}
	c.Values[customer.BranchCodes] = customer.Value{Set: true, List: []string{"a"}}
	var tree any
	if err := json.Unmarshal(c.AppendJSON(nil), &tree); err != nil {
		t.Fatal(err)
	}
	if err := schema.VisitJSON(tree); err != nil {
		t.Errorf("a customer does not fit its schema: %v", err)
	}
	for name, valid := range map[string]func(string) bool{"CompanyId": customer.CompanyValid, "CustomerId": customer.IDValid} {
		s := doc.Components.Schemas[name].Value
		example, isText := s.Example.(string)
		if !isText || !valid(example) || s.VisitJSON("x") == nil {
			t.Errorf("%s: example or pattern", name)
		}
	}
}
