package postgres

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"sluice/internal/customer"
)

// firstJSON is the first field that is held as jsonb; those before it are texts.
const firstJSON = customer.BranchCodes

// columnName is the column of a field: its JSON name in snake case.
func columnName(f customer.Field) string {
	var b strings.Builder
	for i, r := range f.String() {
		if r >= 'A' && r <= 'Z' && i > 0 {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

// eachColumn joins what fn makes of each column, in field order.
func eachColumn(separator string, fn func(f customer.Field, column string) string) string {
	parts := make([]string, customer.NumFields)
	for i := range parts {
		f := customer.Field(i)
		parts[i] = fn(f, columnName(f))
	}
	return strings.Join(parts, separator)
}

// selectedColumns are the columns of alias c as texts.
func selectedColumns() string {
	return eachColumn(", ", func(f customer.Field, column string) string {
		if f >= firstJSON {
			return "c." + column + "::text"
		}
		return "c." + column
	})
}

func columnList(prefix string) string {
	return eachColumn(", ", func(_ customer.Field, column string) string { return prefix + column })
}

// columnArrays are the parameters of the columns, numbered from first on.
func columnArrays(first int) string {
	return eachColumn(", ", func(f customer.Field, _ string) string {
		kind := "::text[]"
		if f >= firstJSON {
			kind = "::jsonb[]"
		}
		return "$" + strconv.Itoa(first+int(f)) + kind
	})
}

// appendValue adds the value of a field to the array of its column.
func appendValue(a *array, f customer.Field, v *customer.Value) error {
	if !v.Set {
		a.null()
		return nil
	}
	var list any
	switch f {
	case customer.BranchCodes:
		list = v.List
	case customer.CustomerReminders:
		list = v.Reminders
	default:
		a.text(v.Text)
		return nil
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("encode %s: %w", f, err)
	}
	a.jsonb(text)
	return nil
}

// readValue reads the value of a field from the text of its column.
func readValue(f customer.Field, text string) (v customer.Value, err error) {
	v.Set = true
	switch f {
	case customer.BranchCodes:
		err = json.Unmarshal([]byte(text), &v.List)
	case customer.CustomerReminders:
		err = json.Unmarshal([]byte(text), &v.Reminders)
	default:
		v.Text = text
	}
	if err != nil {
		return v, fmt.Errorf("decode %s: %w", f, err)
	}
	return v, nil
}
