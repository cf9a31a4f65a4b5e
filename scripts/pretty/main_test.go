package main

// In package main because there is nothing else to import.

import (
	"bytes"
	"strings"
	"testing"
)

func TestPretty(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"keys_keep_their_order", `{"b":1,"a":null}`, "{\n  \"b\": 1,\n  \"a\": null\n}\n"},
		{"a_line_per_element", `{"r":[{"x":1},{"x":2}],"e":[]}`, "{\n  \"r\": [\n    {\"x\":1},\n    {\"x\":2}\n  ],\n  \"e\": []\n}\n"},
		{"long_lists_are_cut", `{"r":[1,2,3,4,5,6,7,8]}`, "{\n  \"r\": [\n    1,\n    2,\n    3,\n    4,\n    5,\n    6,\n    … and 2 more\n  ]\n}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := pretty(strings.NewReader(tt.in), &out); err != nil {
				t.Fatal(err)
			}
			if out.String() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", out.String(), tt.want)
			}
		})
	}
	for _, in := range []string{"", "[]", `{"a":`, "x"} {
		if err := pretty(strings.NewReader(in), &bytes.Buffer{}); err == nil {
			t.Errorf("%q is taken for an object", in)
		}
	}
}
