package customer

import (
	"slices"
	"time"
)

// Reminder is one element of customerReminders.
type Reminder struct {
	CustomerReminderID string `json:"customerReminderId"`
	DueDateDifference  int32  `json:"dueDateDifference"`
	ReminderInterval   int32  `json:"reminderInterval"`
	ReminderTime       string `json:"reminderTime"` // HH:mm, or empty
	ReminderType       string `json:"reminderType"` // ONCE, RECURRING, or empty
	Stage              string `json:"stage"`
}

// Value is the value of one field. Set false is null; the member that counts
// is named by the field's Kind. A list that is set has at least one item.
type Value struct {
	Set       bool
	Text      string
	List      []string
	Reminders []Reminder
}

// Equal reports whether two values read back the same. Members that the kind
// does not use are empty on both sides, so all are compared.
func (v *Value) Equal(w *Value) bool {
	if v.Set != w.Set {
		return false
	}
	if !v.Set {
		return true
	}
	return v.Text == w.Text && slices.Equal(v.List, w.List) && slices.Equal(v.Reminders, w.Reminders)
}

// Customer is a customer as stored and as read back.
type Customer struct {
	CustomerID string
	Version    int64     // 1 when created, +1 per change, no gaps
	UpdatedAt  time.Time // of the last change
	Values     [NumFields]Value
}

// Action says what a row asks of a field.
type Action uint8

// The actions.
const (
	Leave Action = iota // keep what is stored
	Clear               // make it null
	Set                 // store Change.Value
)

// Change is what a row asks of one field. Value counts only with Set.
type Change struct {
	Action Action
	Value  Value
}

// Changes is what a row asks for, by field.
type Changes [NumFields]Change

// Touched is the set of fields the row does not leave.
func (ch *Changes) Touched() FieldSet {
	var s FieldSet
	for f := range ch {
		if ch[f].Action != Leave {
			s = s.With(Field(f))
		}
	}
	return s
}

// Apply makes the changes and returns the fields whose value is another than
// before; none means the row is unchanged. Version and UpdatedAt are the
// caller's. Lists are shared with ch, not copied.
func (c *Customer) Apply(ch *Changes) FieldSet {
	var changed FieldSet
	for f := range ch {
		var want Value
		switch ch[f].Action {
		case Leave:
			continue
		case Clear:
		case Set:
			want = ch[f].Value
			want.Set = true
		}
		if !c.Values[f].Equal(&want) {
			c.Values[f] = want
			changed = changed.With(Field(f))
		}
	}
	return changed
}

// Differences is the set of fields whose values differ between two customers.
func (c *Customer) Differences(other *Customer) FieldSet {
	var s FieldSet
	for f := range c.Values {
		if !c.Values[f].Equal(&other.Values[f]) {
			s = s.With(Field(f))
		}
	}
	return s
}

// TextBytes is the number of bytes of all values' texts, to be compared with a
// limit before anything is encoded.
func (c *Customer) TextBytes() int {
	n := len(c.CustomerID)
	for f := range c.Values {
		v := &c.Values[f]
		n += len(v.Text)
		for _, item := range v.List {
			n += len(item)
		}
		for i := range v.Reminders {
			r := &v.Reminders[i]
			n += len(r.CustomerReminderID) + len(r.ReminderTime) + len(r.ReminderType) + len(r.Stage)
		}
	}
	return n
}
