package e2e_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// refusal is a row of the error table.
type refusal struct {
	name   string
	call   call
	status int
	kind   string // errorType
	says   string // part of the message: what to do
	code   string // of the first sub-error; empty: not looked at
	field  string // of the first sub-error; likewise
}

// TestI4RefusalsLeaveNothingBehind holds each row of the error table, and that a
// refused upload has no effect at all (I4).
func TestI4RefusalsLeaveNothingBehind(t *testing.T) {
	onEach(t, func(t *testing.T, b backend) {
		s := start(t, b, "--max-rows", "100", "--max-upload-bytes", "3MB", "--max-columns", "50")
		s.create(lines("customerId,uniqueRefNo,legalName", customerID(1)+",R1,One", customerID(2)+",R2,Two"))
		s.create(lines("customerId,legalName", customerID(3)+",Three"), another)
		first := s.apply(upload{file: lines("customerId,state", customerID(1)+",Goa"), header: headers("Idempotency-Key", "used")})
		before := s.snapshot(company, another)

		rows := append(requestRefusals(), parameterRefusals()...)
		rows = append(rows, optionRefusals()...)
		rows = append(rows, fileRefusals()...)
		rows = append(rows, keyRefusals()...)
		rows = append(rows, missingRefusals(first)...)
		rows = append(rows, accessRefusals(first)...)
		for _, r := range rows {
			t.Run(r.name, func(t *testing.T) {
				c := newClient(t, s.URL)
				defer c.close()
				r.check(t, c.do(r.call))
			})
		}
		if changes := before.diff(s.snapshot(company, another)); len(changes) > 0 {
			t.Errorf("the refused calls left something behind:\n%s", strings.Join(changes, "\n"))
		}
	})
}

// internals are what no message may tell of.
var internals = regexp.MustCompile(`(?i)/tmp|/data|spool/|\.go\b|goroutine|panic|sqlite|sqlstate|pgx|postgres|\bkafka\b|errno|EOF|runtime error|0x[0-9a-f]{6,}|nil pointer|no such file or|<nil>|%!`)

func (r *refusal) check(t *testing.T, a *answer) {
	t.Helper()
	if a.status != r.status || a.Error == nil || a.Error.Type != r.kind {
		t.Fatalf("answered %d %+v, want %d %s", a.status, a.Error, r.status, r.kind)
	}
	if !strings.Contains(a.Error.Message, r.says) {
		t.Errorf("the message is %q, want it to say %q", a.Error.Message, r.says)
	}
	texts := []string{a.Error.Message}
	for _, sub := range a.Error.SubErrors {
		texts = append(texts, sub.Message)
	}
	for _, text := range texts {
		if found := internals.FindString(text); found != "" || strings.TrimSpace(text) == "" {
			t.Errorf("the message %q tells %q, which means nothing to a caller", text, found)
		}
	}
	switch {
	case r.code == "" && r.field == "":
		return
	case len(a.Error.SubErrors) == 0:
		t.Errorf("there are no sub-errors, want %s of %s", r.code, r.field)
		return
	}
	sub := a.Error.SubErrors[0]
	if sub.Field == nil {
		sub.Field = new(string)
	}
	if sub.Code != r.code || *sub.Field != r.field {
		t.Errorf("the first sub-error is %s of %q, want %s of %q", sub.Code, *sub.Field, r.code, r.field)
	}
}

const (
	requestError    = "CLIENT_REQUEST_ERROR"
	validationError = "VALIDATION_ERROR"
	recordNotFound  = "RECORD_NOT_FOUND"
	unprocessable   = "UNPROCESSABLE_REQUEST"
	invalidAccess   = "INVALID_ACCESS"
	requestAbort    = "CLIENT_REQUEST_ABORT"
	systemError     = "SYSTEM_ERROR"
)

// goodFile would change a customer if it were accepted.
var goodFile = lines("customerId,legalName", customerID(1)+",Changed")

// multipartCall is an update with a body of its own.
func multipartCall(contentType, body string) call {
	k := upload{}.call()
	k.header = http.Header{}
	if contentType != "" {
		k.header.Set("Content-Type", contentType)
	}
	k.body = text(body)
	return k
}

func partsCall(parts ...part) call {
	body, contentType := form(parts...)
	return multipartCall(contentType, body)
}

// requestRefusals are calls whose body is not what the call takes.
func requestRefusals() []refusal {
	file := part{"file", "a.csv", goodFile}
	boundary := "multipart/form-data; boundary=b"
	whole := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n" + goodFile + "\r\n--b--\r\n"
	return []refusal{
		{"no_part", partsCall(), 400, requestError, "no part named file", "REQUIRED", "file"},
		{"a_part_of_another_name", partsCall(part{"document", "a.csv", goodFile}), 400, requestError, "send one part, named file", "UNKNOWN_OPTION", "document"},
		{"two_files", partsCall(file, file), 400, requestError, "send one file in each call", "UNKNOWN_OPTION", "file"},
		{"a_field_behind_the_file", partsCall(file, part{"comment", "", "x"}), 400, requestError, "send one part, named file", "UNKNOWN_OPTION", "comment"},
		{"a_field_before_the_file", partsCall(part{"comment", "", "x"}, file), 400, requestError, "send one part, named file", "UNKNOWN_OPTION", "comment"},
		{"multipart_without_boundary", multipartCall("multipart/form-data", whole), 400, requestError, "let an HTTP library make it", "", ""},
		{"multipart_with_a_broken_part", multipartCall(boundary, strings.Replace(whole, "Content-Disposition:", "Content-Disposition", 1)), 400, requestError, "let an HTTP library make it", "", ""},
		{"multipart_that_ends_inside_the_file", multipartCall(boundary, whole[:len(whole)-30]), 400, requestAbort, "send the whole file again", "", ""},
		{"multipart_without_its_last_boundary", multipartCall(boundary, strings.TrimSuffix(whole, "--b--\r\n")), 400, requestAbort, "again", "", ""},
		{"empty_body", multipartCall(boundary, ""), 400, requestAbort, "send it again whole", "", ""},
		{"not_multipart", multipartCall("text/csv", goodFile), 415, requestError, "multipart/form-data in a part named file", "", ""},
		{"no_content_type", multipartCall("", goodFile), 415, requestError, "multipart/form-data in a part named file", "", ""},
		{"search_that_is_not_json", call{method: "POST", path: searchPath, query: url.Values{"companyId": {company}}, body: text("{}")}, 415, requestError, "application/json", "", ""},
		{"search_of_an_unknown_member", searchCall(`{"companyId":"` + company + `","name":"x"}`), 400, requestError, "CustomerSearch", "INVALID_FORMAT", "body"},
		{"search_over_64_KB", searchCall(`{"legalName":"` + strings.Repeat("x", 70_000) + `"}`), 413, requestError, "at most 64 KB", "", ""},
	}
}

func searchCall(body string) call {
	return call{method: http.MethodPost, path: searchPath, header: headers("Content-Type", "application/json"), body: text(body)}
}

// with is a good upload with a parameter added, or taken away by an empty value.
func with(name string, values ...string) call {
	k := upload{file: goodFile}.call()
	k.query[name] = values
	if len(values) == 0 {
		k.query.Del(name)
	}
	return k
}

// parameterRefusals are parameters of a wrong pattern or value.
func parameterRefusals() []refusal {
	wrong := func(name string, k call, says, field string) refusal {
		return refusal{name, k, 400, validationError, says, "INVALID_FORMAT", field}
	}
	get := func(path, query string) call {
		values, _ := url.ParseQuery(query) // a bad one gives an empty query, which the test shows
		return call{method: http.MethodGet, path: path, query: values}
	}
	noCompany := with("parentCompanyId")
	key := with("parentCompanyId", company)
	key.header = key.header.Clone()
	key.header.Set("Idempotency-Key", strings.Repeat("k", 256))
	unprintable := with("parentCompanyId", company)
	unprintable.header = unprintable.header.Clone()
	unprintable.header.Set("Idempotency-Key", "clé")
	customerPath := "/api/v0/customer/" + customerID(1)
	return []refusal{
		wrong("company_in_lower_case", with("parentCompanyId", "cek0000001"), "CEK and 7", "parentCompanyId"),
		wrong("company_too_short", with("parentCompanyId", "CEK1"), "CEK and 7", "parentCompanyId"),
		wrong("company_with_a_line_break", with("parentCompanyId", company+"\n"), "CEK and 7", "parentCompanyId"),
		wrong("company_by_its_other_name", with("companyId", "nobody"), "CEK and 7", "companyId"),
		wrong("two_names_two_companies", with("companyId", another), "give one of them", "companyId"),
		wrong("no_company", noCompany, "name the company", "parentCompanyId"),
		wrong("onRepeat", with("onRepeat", "sometimes"), "lastWins, firstWins or reject", "onRepeat"),
		wrong("emptyCells", with("emptyCells", "maybe"), "leave or clear", "emptyCells"),
		wrong("errorPolicy", with("errorPolicy", "none"), "partial or allOrNothing", "errorPolicy"),
		wrong("dryRun", with("dryRun", "perhaps"), "openapi.json", "dryRun"),
		wrong("maxFailures", with("maxFailures", "many"), "openapi.json", "maxFailures"),
		wrong("maxFailurePct", with("maxFailurePct", "lots"), "openapi.json", "maxFailurePct"),
		wrong("key_of_256_characters", key, "at most 255 printable ASCII", "Idempotency-Key"),
		wrong("key_not_ASCII", unprintable, "at most 255 printable ASCII", "Idempotency-Key"),
		wrong("limit_of_0", get(uploadsPath, "limit=0"), "1 to 100", "limit"),
		wrong("limit_of_101", get(uploadsPath, "limit=101"), "1 to 100", "limit"),
		wrong("limit_that_is_no_number", get(uploadsPath, "limit=ten"), "openapi.json", "limit"),
		wrong("cursor_of_ours_it_is_not", get(uploadsPath, "cursor=***"), "next of the page before", "cursor"),
		wrong("list_of_a_company_that_cannot_be", get(uploadsPath, "companyId=x"), "CEK and 7", "companyId"),
		wrong("customer_without_company", get(customerPath, ""), "name the company", "parentCompanyId"),
		wrong("customer_of_a_wrong_pattern", get("/api/v0/customer/KC1", "companyId="+company), "KC and 14", "customerId"),
		wrong("search_without_company", searchCall(`{}`), "name the company", "parentCompanyId"),
		wrong("search_of_two_companies", searchCall(`{"companyId":"`+company+`","parentCompanyId":"`+another+`"}`), "give one of them", "companyId"),
		wrong("search_limit_of_0", searchCall(`{"companyId":"`+company+`","limit":0}`), "1 to 100", "limit"),
		wrong("search_cursor", searchCall(`{"companyId":"`+company+`","cursor":"!"}`), "next of the page before", "cursor"),
	}
}

// optionRefusals are options that are unknown, given twice or not built yet.
func optionRefusals() []refusal {
	unknown := func(name string, k call, field string) refusal {
		return refusal{name, k, 400, requestError, field, "UNKNOWN_OPTION", field}
	}
	notBuilt := func(name, value string) refusal {
		return refusal{"not_built_" + name, with(name, value), 400, requestError, "leave it out", "OPTION_NOT_BUILT", name}
	}
	return []refusal{
		unknown("unknown_option", with("onrepeat", "reject"), "onrepeat"),
		unknown("option_given_twice", with("onRepeat", "reject", "reject"), "onRepeat"),
		unknown("unknown_option_of_the_list", call{method: "GET", path: uploadsPath, query: url.Values{"state": {"running"}}}, "state"),
		notBuilt("dryRun", "true"),
		notBuilt("errorPolicy", "allOrNothing"),
		notBuilt("maxFailures", "5"),
		notBuilt("maxFailures", "0"),
		notBuilt("maxFailurePct", "2.5"),
	}
}
