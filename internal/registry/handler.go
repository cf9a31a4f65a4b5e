package registry

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// catalog holds the schemas in the orders they are asked for. It does not change.
type catalog struct {
	subjects  []string            // sorted
	versions  map[string][]Schema // by subject, in order of version
	schemas   map[int]Schema      // by id
	usedUnder map[int][]Schema    // by id: every subject and version it is
}

// NewHandler serves the read side of the registry for schemas: GET /subjects,
// /subjects/{subject}/versions, /subjects/{subject}/versions/{number or
// latest}, the same with /schema for the text alone, /schemas/ids/{id} with
// /schema, /subjects and /versions below it, /schemas/types, /config,
// /config/{subject} and /mode. Everything else is answered as the registry
// does: 404, or 405 for what would write.
func NewHandler(schemas []Schema) http.Handler {
	c := newCatalog(schemas)
	mux := http.NewServeMux()
	get := func(pattern string, answer func(*http.Request) (any, *errorBody)) {
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			body, refusal := answer(r)
			if refusal != nil {
				writeError(w, refusal)
				return
			}
			write(w, http.StatusOK, body)
		})
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", "GET, HEAD")
			writeError(w, &errorBody{codeMethodNotAllowed, "HTTP 405 Method Not Allowed"})
		})
	}
	get("/{$}", func(*http.Request) (any, *errorBody) { return struct{}{}, nil })
	get("/subjects", func(*http.Request) (any, *errorBody) { return c.subjects, nil })
	get("/subjects/{subject}/versions", c.listVersions)
	get("/subjects/{subject}/versions/{version}", c.version)
	get("/subjects/{subject}/versions/{version}/schema", c.versionText)
	get("/schemas/ids/{id}", c.byID)
	get("/schemas/ids/{id}/schema", c.textByID)
	get("/schemas/ids/{id}/subjects", c.subjectsByID)
	get("/schemas/ids/{id}/versions", c.versionsByID)
	get("/schemas/types", func(*http.Request) (any, *errorBody) { return []string{"AVRO"}, nil })
	get("/config", compatibility)
	get("/config/{subject}", compatibility)
	get("/mode", func(*http.Request) (any, *errorBody) {
		return map[string]string{"mode": "READONLY"}, nil
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, &errorBody{codeNotFound, "HTTP 404 Not Found"})
	})
	return mux
}

func newCatalog(schemas []Schema) *catalog {
	c := &catalog{
		subjects:  []string{},
		versions:  make(map[string][]Schema),
		schemas:   make(map[int]Schema),
		usedUnder: make(map[int][]Schema),
	}
	for _, s := range schemas {
		if len(c.versions[s.Subject]) == 0 {
			c.subjects = append(c.subjects, s.Subject)
		}
		c.versions[s.Subject] = append(c.versions[s.Subject], s)
		c.schemas[s.ID] = s
		c.usedUnder[s.ID] = append(c.usedUnder[s.ID], s)
	}
	slices.Sort(c.subjects)
	for _, list := range c.versions {
		slices.SortFunc(list, func(a, b Schema) int { return cmp.Compare(a.Version, b.Version) })
	}
	return c
}

func (c *catalog) listVersions(r *http.Request) (any, *errorBody) {
	list, refusal := c.subject(r)
	if refusal != nil {
		return nil, refusal
	}
	numbers := make([]int, 0, len(list))
	for _, s := range list {
		numbers = append(numbers, s.Version)
	}
	return numbers, nil
}

func (c *catalog) version(r *http.Request) (any, *errorBody) {
	s, refusal := c.find(r)
	if refusal != nil {
		return nil, refusal
	}
	return struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
		ID      int    `json:"id"`
		Schema  string `json:"schema"`
	}{s.Subject, s.Version, s.ID, s.Text}, nil
}

func (c *catalog) versionText(r *http.Request) (any, *errorBody) {
	s, refusal := c.find(r)
	return json.RawMessage(s.Text), refusal
}

func (c *catalog) byID(r *http.Request) (any, *errorBody) {
	s, refusal := c.schema(r)
	return map[string]string{"schema": s.Text}, refusal
}

func (c *catalog) textByID(r *http.Request) (any, *errorBody) {
	s, refusal := c.schema(r)
	return json.RawMessage(s.Text), refusal
}

func (c *catalog) subjectsByID(r *http.Request) (any, *errorBody) {
	s, refusal := c.schema(r)
	names := []string{}
	for _, use := range c.usedUnder[s.ID] {
		names = append(names, use.Subject)
	}
	slices.Sort(names)
	return slices.Compact(names), refusal
}

func (c *catalog) versionsByID(r *http.Request) (any, *errorBody) {
	type use struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	s, refusal := c.schema(r)
	uses := []use{}
	for _, u := range c.usedUnder[s.ID] {
		uses = append(uses, use{u.Subject, u.Version})
	}
	return uses, refusal
}

// compatibility is what the project's own check of schema changes enforces.
func compatibility(*http.Request) (any, *errorBody) {
	return map[string]string{"compatibilityLevel": "FULL_TRANSITIVE"}, nil
}

// subject finds all versions of the subject in the path, oldest first.
func (c *catalog) subject(r *http.Request) ([]Schema, *errorBody) {
	list := c.versions[r.PathValue("subject")]
	if len(list) == 0 {
		return nil, &errorBody{codeSubjectNotFound, "Subject '" + r.PathValue("subject") + "' not found."}
	}
	return list, nil
}

// find finds the version in the path: a number, "latest", or -1 for the latest.
func (c *catalog) find(r *http.Request) (Schema, *errorBody) {
	list, refusal := c.subject(r)
	if refusal != nil {
		return Schema{}, refusal
	}
	text := r.PathValue("version")
	if text == "latest" || text == "-1" {
		return list[len(list)-1], nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return Schema{}, &errorBody{codeInvalidVersion, "The specified version '" + text +
			"' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""}
	}
	for _, s := range list {
		if s.Version == int(n) {
			return s, nil
		}
	}
	return Schema{}, &errorBody{codeVersionNotFound, "Version " + text + " not found."}
}

// schema finds the id in the path.
func (c *catalog) schema(r *http.Request) (Schema, *errorBody) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 32)
	if err != nil {
		return Schema{}, &errorBody{codeNotFound, "HTTP 404 Not Found"}
	}
	s, ok := c.schemas[int(id)]
	if !ok {
		return Schema{}, &errorBody{codeSchemaNotFound, "Schema " + r.PathValue("id") + " not found"}
	}
	return s, nil
}

// writeError answers with the status that the first three digits of the code are.
func writeError(w http.ResponseWriter, e *errorBody) {
	status := e.Code
	for status >= 1000 {
		status /= 10
	}
	write(w, status, e)
}

func write(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // a schema's text that is no JSON
		status, text = http.StatusInternalServerError, []byte(`{"error_code":50001,"message":"Error in the backend data store"}`)
	}
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client has gone; nobody is left to tell
}
