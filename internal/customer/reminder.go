package customer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// judgeReminders reads the JSON array of a customerReminders cell strictly: no
// unknown or repeated members, whole numbers only. A member that is missing or
// null is empty or 0.
func (j *Judged) judgeReminders(col *Column, s string) ([]Reminder, bool) {
	list, err := parseReminders(s)
	switch {
	case err != nil:
		j.fail(col, s, InvalidFormat, col.Name+": "+err.Error()+"; it must be "+rules[CustomerReminders].Rule)
		return nil, false
	case len(list) > MaxReminders:
		j.fail(col, s, TooLong, fmt.Sprintf("%s has %d reminders; at most %d are allowed", col.Name, len(list), MaxReminders))
		return nil, false
	}
	return list, true
}

var errNotReminders = errors.New("the cell is not a JSON array of objects")

func parseReminders(s string) ([]Reminder, error) {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, errNotReminders
	}
	var list []Reminder
	for dec.More() {
		r, err := readReminder(dec)
		if err != nil {
			return nil, fmt.Errorf("reminder %d: %w", len(list)+1, err)
		}
		list = append(list, r)
	}
	if t, err := dec.Token(); err != nil || t != json.Delim(']') {
		return nil, errNotReminders
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotReminders
	}
	return list, nil
}

func readReminder(dec *json.Decoder) (Reminder, error) {
	var r Reminder
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return r, errNotReminders
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return r, errNotReminders
		}
		if seen[name] {
			return r, fmt.Errorf("%q is given twice", reject(name))
		}
		seen[name] = true
		value, err := dec.Token()
		if err != nil {
			return r, errNotReminders
		}
		if err := r.set(name, value); err != nil {
			return r, err
		}
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return r, errNotReminders
	}
	return r, nil
}

// set stores one member; value is a token of a decoder with UseNumber.
func (r *Reminder) set(name string, value json.Token) (err error) {
	switch name {
	case "customerReminderId":
		r.CustomerReminderID, err = reminderText(name, value)
	case "dueDateDifference":
		r.DueDateDifference, err = reminderNumber(name, value)
	case "reminderInterval":
		r.ReminderInterval, err = reminderNumber(name, value)
	case "reminderTime":
		r.ReminderTime, err = reminderText(name, value)
		if err == nil && r.ReminderTime != "" && !isClock(r.ReminderTime) {
			err = fmt.Errorf("reminderTime %q is not HH:mm", reject(r.ReminderTime))
		}
	case "reminderType":
		r.ReminderType, err = reminderText(name, value)
		if err == nil && r.ReminderType != "" && r.ReminderType != "ONCE" && r.ReminderType != "RECURRING" {
			err = fmt.Errorf("reminderType %q is neither ONCE nor RECURRING", reject(r.ReminderType))
		}
	case "stage":
		r.Stage, err = reminderText(name, value)
	default:
		err = fmt.Errorf("%q is not a member of a reminder", reject(name))
	}
	return err
}

func reminderText(name string, value json.Token) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		v = strings.TrimSpace(v)
		if utf8.RuneCountInString(v) > maxReminderText {
			return "", fmt.Errorf("%s has more than %d characters", name, maxReminderText)
		}
		if !isCleanText(v) {
			return "", fmt.Errorf("%s holds a NUL character", name)
		}
		return v, nil
	}
	return "", fmt.Errorf("%s is not a text", name)
}

func reminderNumber(name string, value json.Token) (int32, error) {
	switch v := value.(type) {
	case nil:
		return 0, nil
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 32)
		if err == nil {
			return int32(n), nil
		}
	}
	return 0, fmt.Errorf("%s is not a whole number of 32 bits", name)
}

// isClock matches 00:00 to 23:59.
func isClock(s string) bool {
	if len(s) != 5 || s[2] != ':' || !allDigits(s[:2]) || !allDigits(s[3:]) {
		return false
	}
	return s[:2] < "24" && s[3:] < "60"
}
