package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sluice/internal/bulk"
	"sluice/internal/customer"
	"sluice/producer/api/openapi"
)

// uploadParameters are the query parameters of the calls that bring a file.
var uploadParameters = []string{"parentCompanyId", "companyId", "onRepeat", "emptyCells", "dryRun", "errorPolicy", "maxFailures", "maxFailurePct"}

// allowed returns the query parameters a path takes.
func allowed(path string) []string {
	switch {
	case path == "/api/v0/customer/bulk/update" || path == "/api/v0/customer/bulk":
		return uploadParameters
	case path == "/api/v0/customer/bulk/uploads":
		return []string{"parentCompanyId", "companyId", "limit", "cursor"}
	case strings.Contains(path, "/files/"):
		return []string{"parentCompanyId", "companyId", "expires", "signature"}
	default:
		return []string{"parentCompanyId", "companyId"}
	}
}

// checkQuery refuses a parameter that is unknown or given twice: an option that is
// not understood must never be ignored.
func checkQuery(r *http.Request) error {
	known := allowed(r.URL.Path)
	for name, values := range r.URL.Query() {
		if !slices.Contains(known, name) {
			return badRequest(name, customer.UnknownOption, "there is no parameter "+strconv.Quote(name)+" in this call: remove it or correct its name")
		}
		if len(values) > 1 {
			return badRequest(name, customer.UnknownOption, "the parameter "+name+" is given more than once: give it once")
		}
	}
	return nil
}

// company returns the company a call names, by either name; empty: none.
func company(parent, own *openapi.CompanyId) (string, error) {
	for _, p := range []struct {
		name  string
		value *string
	}{{"parentCompanyId", parent}, {"companyId", own}} {
		if p.value != nil && !customer.CompanyValid(*p.value) {
			return "", invalid(p.name, *p.value, p.name+" must be CEK and 7 upper-case letters or digits")
		}
	}
	switch {
	case parent == nil && own == nil:
		return "", nil
	case parent == nil:
		return *own, nil
	case own != nil && *own != *parent:
		return "", invalid("companyId", *own, "parentCompanyId and companyId are one parameter under two names: give one of them, or the same value")
	}
	return *parent, nil
}

// required is company for the calls that need one.
func required(parent, own *openapi.CompanyId) (string, error) {
	name, err := company(parent, own)
	if err == nil && name == "" {
		return "", invalid("parentCompanyId", "", "name the company: add parentCompanyId=CEK… to the address")
	}
	return name, err
}

// uploadOptions checks the options of a call that brings a file.
func uploadOptions(p *openapi.BulkUpdateParams) (bulk.Options, error) {
	o := bulk.DefaultOptions()
	if p.OnRepeat != nil {
		if !p.OnRepeat.Valid() {
			return o, invalid("onRepeat", string(*p.OnRepeat), "onRepeat must be lastWins, firstWins or reject")
		}
		o.OnRepeat = bulk.RepeatRule(*p.OnRepeat)
	}
	if p.EmptyCells != nil {
		if !p.EmptyCells.Valid() {
			return o, invalid("emptyCells", string(*p.EmptyCells), "emptyCells must be leave or clear")
		}
		o.EmptyCells = bulk.EmptyRule(*p.EmptyCells)
	}
	if p.ErrorPolicy != nil && !p.ErrorPolicy.Valid() {
		return o, invalid("errorPolicy", string(*p.ErrorPolicy), "errorPolicy must be partial or allOrNothing")
	}
	for name, isUsed := range map[string]bool{
		"dryRun":        p.DryRun != nil && *p.DryRun,
		"errorPolicy":   p.ErrorPolicy != nil && *p.ErrorPolicy != openapi.FailureRulePartial,
		"maxFailures":   p.MaxFailures != nil,
		"maxFailurePct": p.MaxFailurePct != nil,
	} {
		if isUsed {
			return o, badRequest(name, customer.OptionNotBuilt, name+" cannot be used yet: leave it out; nothing was done")
		}
	}
	return o, nil
}

// maxKeyChars bounds an Idempotency-Key.
const maxKeyChars = 255

func idempotencyKey(key *string) (string, error) {
	if key == nil || *key == "" {
		return "", nil
	}
	if len(*key) > maxKeyChars || strings.ContainsFunc(*key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "", invalid("Idempotency-Key", "", "Idempotency-Key must be at most 255 printable ASCII characters")
	}
	return *key, nil
}

// preference is what a call's Prefer header asks for (RFC 7240).
type preference struct {
	wait    time.Duration
	applied []string
}

// maxWait is the longest a call may ask to be held.
const maxWait = 60 * time.Second

// prefer reads the Prefer header. What it does not know it ignores, as RFC 7240
// section 2 has it.
func prefer(header *string, wait time.Duration) preference {
	p := preference{wait: wait}
	if header == nil {
		return p
	}
	isAsync := false
	for token := range strings.SplitSeq(*header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(strings.SplitN(token, ";", 2)[0]), "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "respond-async":
			isAsync = true
		case "wait":
			n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
			if d := time.Duration(n) * time.Second; err == nil && d >= 0 && d <= maxWait {
				p.wait = d
				p.applied = []string{"wait=" + strconv.Itoa(n)}
			}
		}
	}
	if isAsync {
		p.wait, p.applied = 0, []string{"respond-async"}
	}
	return p
}
