package config

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"regexp"
	"strings"
)

// secretParam matches query parameters whose values are shown as xxxxx.
var secretParam = regexp.MustCompile(`(?i)pass|secret|token|key|credential|sig`)

// Show writes every setting as a line of YAML, with where its value came from as
// a comment and passwords masked.
func (l Loaded) Show(w io.Writer) error {
	values := l.values()
	for _, s := range settings() {
		origin, ok := l.Origin[s.key]
		if !ok {
			origin = fromPreset
		}
		if _, err := fmt.Fprintf(w, "%s: %s  # %s\n", s.key, yamlText(mask(formatValue(values[s.key]))), origin); err != nil {
			return err
		}
	}
	return nil
}

// values returns each field under its key.
func (c Config) values() map[string]any {
	values := map[string]any{}
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		values[v.Type().Field(i).Tag.Get("koanf")] = v.Field(i).Interface()
	}
	return values
}

func formatValue(value any) string {
	if list, ok := value.([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(value)
}

// yamlText quotes what YAML would read as something else.
func yamlText(text string) string {
	if text == "" || strings.ContainsAny(text, `#"'`) || strings.Contains(text, ": ") {
		return fmt.Sprintf("%q", text)
	}
	return text
}

// mask replaces the secrets of a URL; other text is returned as it is.
func mask(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "xxxxx" // unreadable: better nothing than a password
	}
	query := u.Query()
	for name := range query {
		if secretParam.MatchString(name) {
			query.Set(name, "xxxxx")
		}
	}
	u.RawQuery = query.Encode()
	return u.Redacted()
}
