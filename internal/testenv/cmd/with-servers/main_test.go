package main

// In package main because there is nothing else to import.

import (
	"io"
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name  string
		args  []string
		want  options
		fails bool
	}{
		{name: "all_servers_by_default", args: []string{"go", "test"}, want: options{only: names(), command: []string{"go", "test"}}},
		{name: "flags_of_the_command_stay_its_own", args: []string{"-only", "kafka", "go", "-only", "x"}, want: options{only: []string{"kafka"}, command: []string{"go", "-only", "x"}}},
		{name: "bench", args: []string{"-bench", "go"}, want: options{only: names(), bench: true, command: []string{"go"}}},
		{name: "no_command", args: []string{"-bench"}, fails: true},
		{name: "unknown_server", args: []string{"-only", "redis", "go"}, fails: true},
		{name: "unknown_flag", args: []string{"-x", "go"}, fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(tt.args, io.Discard)
			if (err != nil) != tt.fails {
				t.Fatalf("error is %v, want one: %v", err, tt.fails)
			}
			if err != nil {
				return
			}
			if !slices.Equal(got.only, tt.want.only) || got.bench != tt.want.bench || !slices.Equal(got.command, tt.want.command) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
