package openapi

import (
	"encoding/json"
	"fmt"

	"gopkg.in/yaml.v3"
)

// JSON turns the document's YAML into the JSON that /openapi.json answers.
// Anchors are resolved and keys sorted, so equal documents give equal bytes.
func JSON(document []byte) ([]byte, error) {
	var tree map[string]any
	if err := yaml.Unmarshal(document, &tree); err != nil {
		return nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	out, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("write OpenAPI document: %w", err)
	}
	return out, nil
}
