package customer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// judgeList splits branchCodes. White space around items and empty items are
// dropped; order and repeated items stay.
func (j *Judged) judgeList(col *Column, s string) ([]string, bool) {
	items := make([]string, 0, min(1+strings.Count(s, ";")+strings.Count(s, "|"), MaxBranchCodes+1))
	start := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != ';' && s[i] != '|' {
			continue
		}
		item := strings.TrimSpace(s[start:i])
		start = i + 1
		if item == "" {
			continue
		}
		if len(item) > MaxBranchCodeChars && utf8.RuneCountInString(item) > MaxBranchCodeChars {
			j.fail(col, item, TooLong, fmt.Sprintf("%s has a code of more than %d characters; shorten it", col.Name, MaxBranchCodeChars))
			return nil, false
		}
		items = append(items, item)
	}
	switch {
	case len(items) == 0:
		j.fail(col, ";", InvalidFormat, col.Name+" has separators but no code; enter codes, or "+Null+" to clear the list")
		return nil, false
	case len(items) > MaxBranchCodes:
		j.fail(col, items[MaxBranchCodes], TooLong, fmt.Sprintf("%s has %d codes; at most %d are allowed", col.Name, len(items), MaxBranchCodes))
		return nil, false
	}
	return items, true
}
