package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// requestTimeout bounds one request to a registry that does not answer.
	requestTimeout = 15 * time.Second
	// maxAnswerBytes is far above any schema.
	maxAnswerBytes = 4 << 20
)

// Client talks to a registry: Confluent's, or Apicurio's compatible API. It is
// safe for concurrent use.
type Client struct {
	// URL is the base path, for example http://registry:8081 or
	// http://apicurio:8080/apis/ccompat/v7. User and password in it are sent by
	// HTTP Basic.
	URL string
	// HTTP is the client used; nil is one with a time-out of 15 seconds.
	HTTP *http.Client
}

// Register makes schema the latest version of subject, unless it is one of its
// versions already, and returns its id. It is safe to repeat. The error is
// ErrRefused if the registry does not accept the schema.
func (c *Client) Register(ctx context.Context, subject, schema string) (id int, err error) {
	request, err := json.Marshal(map[string]string{"schema": schema})
	if err != nil {
		return 0, fmt.Errorf("encode schema of %s: %w", subject, err)
	}
	var answer struct {
		ID int `json:"id"`
	}
	path := "/subjects/" + url.PathEscape(subject) + "/versions"
	if err := c.call(ctx, http.MethodPost, path, request, &answer); err != nil {
		return 0, fmt.Errorf("register schema of %s: %w", subject, err)
	}
	if answer.ID <= 0 {
		return 0, fmt.Errorf("register schema of %s: registry answered no id", subject)
	}
	return answer.ID, nil
}

// Schema returns the text of a registered schema. The error is ErrNotFound if
// the registry has no such id.
func (c *Client) Schema(ctx context.Context, id int) (text string, err error) {
	var answer struct {
		Schema string `json:"schema"`
	}
	if err := c.call(ctx, http.MethodGet, "/schemas/ids/"+strconv.Itoa(id), nil, &answer); err != nil {
		return "", fmt.Errorf("read schema %d: %w", id, err)
	}
	return answer.Schema, nil
}

// call sends one request and decodes the answer into out.
func (c *Client) call(ctx context.Context, method, path string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Accept", ContentType+", application/json")
	if body != nil {
		req.Header.Set("Content-Type", ContentType)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient // the context bounds the time
	}
	resp, err := client.Do(req)
	if err != nil {
		return err // net/http leaves the password out of it
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp.StatusCode, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// refusal is the error of a status other than 200.
func refusal(status int, text []byte) error {
	var said errorBody
	if err := json.Unmarshal(text, &said); err != nil {
		said = errorBody{Code: status, Message: "no JSON in the answer"}
	}
	switch status {
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s (%d)", ErrNotFound, said.Message, said.Code)
	case http.StatusConflict, http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %s (%d)", ErrRefused, said.Message, said.Code)
	default:
		return fmt.Errorf("registry answered %d: %s (%d)", status, said.Message, said.Code)
	}
}
