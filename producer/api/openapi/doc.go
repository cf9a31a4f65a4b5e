// Package openapi holds the Go types of schemas/openapi.yaml and the interface
// that serves its upload and customer routes, both generated. It knows nothing
// of what the routes do.
package openapi

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config config.yaml ../../../schemas/openapi.yaml
