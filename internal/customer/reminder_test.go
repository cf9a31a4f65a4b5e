package customer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sluice/internal/customer"
)

func TestReminders(t *testing.T) {
	t.Parallel()
	whole := `[{"customerReminderId":"R1","dueDateDifference":-3,"reminderInterval":2147483647,"reminderTime":"23:59","reminderType":"RECURRING","stage":"late"},{}]`
	tests := []struct {
		name, cell string
		wantError  string // words of the message; "" for a good cell
	}{
		{"whole", whole, ""},
		{"null_members", `[{"stage":null,"reminderInterval":null}]`, ""},
		{"not_json", `R1`, "not a JSON array"},
		{"one_object", `{"stage":"x"}`, "not a JSON array"},
		{"text_after_the_array", `[] x`, "not a JSON array"},
		{"comma_at_the_end", `[{},]`, "not a JSON array"},
		{"unknown_member", `[{"when":"x"}]`, `"when" is not a member`},
		{"member_in_other_case", `[{"Stage":"x"}]`, `"Stage" is not a member`},
		{"repeated_member", `[{"stage":"x","stage":"y"}]`, "given twice"},
		{"number_over_32_bits", `[{"dueDateDifference":2147483648}]`, "not a whole number"},
		{"number_with_places", `[{"dueDateDifference":1.0}]`, "not a whole number"},
		{"number_as_text", `[{"dueDateDifference":"1"}]`, "not a whole number"},
		{"text_as_number", `[{"stage":1}]`, "not a text"},
		{"nested", `[{"stage":{"a":1}}]`, "not a text"},
		{"hour_24", `[{"reminderTime":"24:00"}]`, "not HH:mm"},
		{"time_without_zero", `[{"reminderTime":"9:30"}]`, "not HH:mm"},
		{"type_in_lower_case", `[{"reminderType":"once"}]`, "neither ONCE nor RECURRING"},
		{"nul", `[{"stage":"\u0000"}]`, "NUL"},
		{"second_is_wrong", `[{},{"reminderTime":"x"}]`, "reminder 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := judge(t, "customerId\tcustomerReminders", goodID+"\t"+tt.cell, customer.Options{})
			if tt.wantError == "" {
				if !got.OK() {
					t.Fatalf("errors: %+v", got.Errors)
				}
				return
			}
			if verdict(got.Errors) != "customerReminders:INVALID_FORMAT" || !strings.Contains(got.Errors[0].Message, tt.wantError) {
				t.Errorf("errors: %+v, want %q", got.Errors, tt.wantError)
			}
		})
	}
	got := judge(t, "customerId\tcustomerReminders", goodID+"\t"+whole, customer.Options{})
	var want []customer.Reminder
	if err := json.Unmarshal([]byte(whole), &want); err != nil {
		t.Fatal(err)
	}
	if v := got.Changes[customer.CustomerReminders].Value; !v.Equal(&customer.Value{Set: true, Reminders: want}) {
		t.Errorf("reminders = %+v, want %+v", v.Reminders, want)
	}
	many := judge(t, "customerId\tcustomerReminders", goodID+"\t["+strings.Repeat("{},", 100)+"{}]", customer.Options{})
	if verdict(many.Errors) != "customerReminders:TOO_LONG" {
		t.Errorf("101 reminders: %+v", many.Errors)
	}
}
