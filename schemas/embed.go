// Package schemas holds the contracts as files: the Avro schemas of the topics
// and the OpenAPI document of the HTTP side. It knows nothing of their meaning.
package schemas

import _ "embed"

// OpenAPI is the OpenAPI document, YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte

// The Avro schemas, by what they describe.
var (
	//go:embed customer.avsc
	customer string
	//go:embed customer_update.avsc
	customerUpdate string
	//go:embed bulk_result.avsc
	bulkResult string
	//go:embed customer_change.avsc
	customerChange string
	//go:embed bulk_response.avsc
	bulkResponse string
)

// Schema is one version of one subject. On the embedded registry ID is the
// schema id in the wire format; another registry gives its own.
type Schema struct {
	ID      int
	Subject string
	Version int
	Text    string
}

// The ids of the schemas on the embedded registry. An id is never given twice.
const (
	IDCustomerUpdate = 1
	IDBulkResult     = 2
	IDCustomerChange = 3
	IDBulkResponse   = 4
)

// Customer is the schema of the document the store keeps.
func Customer() string { return customer }

// All returns every schema of every topic, in the order of their ids.
func All() []Schema {
	return []Schema{
		{IDCustomerUpdate, "customer.updates-value", 1, customerUpdate},
		{IDBulkResult, "bulk.results-value", 1, bulkResult},
		{IDCustomerChange, "customer.changes-value", 1, customerChange},
		{IDBulkResponse, "bulk.responses-value", 1, bulkResponse},
	}
}
