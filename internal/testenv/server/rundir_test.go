package server_test

import (
	"os"
	"path/filepath"
	"testing"

	"sluice/internal/testenv/server"
)

func TestNewRunDir(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	abandoned := filepath.Join(temp, "sluice-servers-abandoned")
	foreign := filepath.Join(temp, "something-else")
	for _, dir := range []string{abandoned, foreign} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "owner.lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	held, err := server.NewRunDir()
	if err != nil {
		t.Fatal(err)
	}
	second, err := server.NewRunDir()
	if err != nil {
		t.Fatal(err)
	}

	for path, want := range map[string]bool{abandoned: false, foreign: true, held.Path: true, second.Path: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: there is %v, want %v", path, err == nil, want)
		}
	}
	for _, dir := range []*server.RunDir{held, second} {
		if err := dir.Remove(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir.Path); !os.IsNotExist(err) {
			t.Errorf("%s is still there after Remove: %v", dir.Path, err)
		}
	}
}

func TestToolsDir(t *testing.T) {
	t.Run("environment_wins", func(t *testing.T) {
		t.Setenv("SLUICE_TOOLS", "/somewhere/tools")
		if dir, err := server.ToolsDir(); err != nil || dir != "/somewhere/tools" {
			t.Errorf("got %q, %v", dir, err)
		}
	})
	t.Run("else_beside_go_mod", func(t *testing.T) {
		root := t.TempDir()
		inner := filepath.Join(root, "a", "b")
		if err := os.MkdirAll(inner, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "go.mod"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("SLUICE_TOOLS", "")
		t.Chdir(inner)
		if dir, err := server.ToolsDir(); err != nil || dir != filepath.Join(root, ".tools") {
			t.Errorf("got %q, %v", dir, err)
		}
	})
	t.Run("outside_a_module_is_an_error", func(t *testing.T) {
		t.Setenv("SLUICE_TOOLS", "")
		t.Chdir(t.TempDir())
		if dir, err := server.ToolsDir(); err == nil {
			t.Errorf("got %q", dir)
		}
	})
}
