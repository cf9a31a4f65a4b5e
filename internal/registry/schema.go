// Package registry speaks the Schema Registry's REST API: a client that
// registers schemas with an external registry, and a handler with the read side,
// from which ordinary Avro consumers of the embedded broker get their schemas.
//
// The package knows schemas as text with an id. It must not know what they say.
package registry

import "errors"

// ContentType is the registry's media type, of requests and of answers.
const ContentType = "application/vnd.schemaregistry.v1+json"

// Schema is one version of a subject.
type Schema struct {
	ID      int    // in the wire format of every record encoded with it
	Subject string // usually the topic and "-value"
	Version int    // from 1, within the subject
	Text    string // Avro, as JSON
}

// Codes of the registry's error body, and what they come with.
const (
	codeMethodNotAllowed = 405
	codeNotFound         = 404
	codeSubjectNotFound  = 40401
	codeVersionNotFound  = 40402
	codeSchemaNotFound   = 40403
	codeInvalidVersion   = 42202
)

// ErrNotFound is in what Client.Schema answers for an id that is not registered.
var ErrNotFound = errors.New("schema is not registered")

// ErrRefused is in what Client.Register answers if the registry refuses the
// schema itself: it is invalid, or incompatible with the subject's earlier ones.
// Trying again does not help.
var ErrRefused = errors.New("schema was refused")

// errorBody is what the registry says with any status but 200.
type errorBody struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}
