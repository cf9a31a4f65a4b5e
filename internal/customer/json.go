package customer

import (
	"strconv"
	"time"
)

// timeLayout is RFC 3339 with milliseconds, for times in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// AppendJSON appends the customer as one flat object: customerId, every field
// (null when not set), version, updatedAt.
func (c *Customer) AppendJSON(b []byte) []byte {
	b = append(b, `{"customerId":`...)
	b = appendString(b, c.CustomerID)
	for f := range c.Values {
		b = append(b, ',', '"')
		b = append(b, rules[f].Name...)
		b = append(b, '"', ':')
		b = c.Values[f].appendJSON(b, rules[f].Kind)
	}
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, c.Version, 10)
	b = append(b, `,"updatedAt":"`...)
	b = c.UpdatedAt.UTC().Truncate(time.Millisecond).AppendFormat(b, timeLayout)
	return append(b, '"', '}')
}

// MarshalJSON is AppendJSON.
func (c *Customer) MarshalJSON() ([]byte, error) { return c.AppendJSON(nil), nil }

func (v *Value) appendJSON(b []byte, kind Kind) []byte {
	if !v.Set {
		return append(b, "null"...)
	}
	switch kind {
	case Text:
		return appendString(b, v.Text)
	case List:
		b = append(b, '[')
		for i, item := range v.List {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, item)
		}
		return append(b, ']')
	case Reminders:
		b = append(b, '[')
		for i := range v.Reminders {
			if i > 0 {
				b = append(b, ',')
			}
			b = v.Reminders[i].appendJSON(b)
		}
		return append(b, ']')
	}
	return append(b, "null"...)
}

func (r *Reminder) appendJSON(b []byte) []byte {
	b = append(b, `{"customerReminderId":`...)
	b = appendString(b, r.CustomerReminderID)
	b = append(b, `,"dueDateDifference":`...)
	b = strconv.AppendInt(b, int64(r.DueDateDifference), 10)
	b = append(b, `,"reminderInterval":`...)
	b = strconv.AppendInt(b, int64(r.ReminderInterval), 10)
	b = append(b, `,"reminderTime":`...)
	b = appendString(b, r.ReminderTime)
	b = append(b, `,"reminderType":`...)
	b = appendString(b, r.ReminderType)
	b = append(b, `,"stage":`...)
	b = appendString(b, r.Stage)
	return append(b, '}')
}

// appendString appends a JSON string. Values are valid UTF-8, as Judge lets
// nothing else through.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		ch := s[i]
		if ch >= 0x20 && ch != '"' && ch != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch ch {
		case '"', '\\':
			b = append(b, '\\', ch)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[ch>>4], hex[ch&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
