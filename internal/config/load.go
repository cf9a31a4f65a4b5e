package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

const (
	envPrefix  = "SLUICE_"
	configKey  = "config"
	fromPreset = "default"
	delimiter  = "." // no key has one: keys are flat
)

// reservedEnv are variables with our prefix that are no settings: those of crash
// tests and test servers, and the links Kubernetes puts into every container for
// services whose names begin with "sluice".
var reservedEnv = regexp.MustCompile(`^SLUICE_(TEST|CRASH|TOOLS)(_|$)|_SERVICE_HOST$|_SERVICE_PORT(_|$)|^SLUICE_(.*_)?PORT(_\d+_(TCP|UDP|SCTP).*)?$`)

// Sources is where values come from. The later wins: defaults, the YAML file
// named by --config or SLUICE_CONFIG, the environment, the flags.
type Sources struct {
	// Flags that BindFlags made, parsed; nil for none.
	Flags *pflag.FlagSet
	// Environ in the form of os.Environ.
	Environ []string
}

// Loaded is a configuration and where each value came from.
type Loaded struct {
	Config

	// Origin of each key that is not at its default: "sluice.yaml:3",
	// "SLUICE_HTTP", "--http".
	Origin map[string]string
}

// BindFlags defines the flags of the given keys (all of them if none is given)
// and --config on fs.
func BindFlags(fs *pflag.FlagSet, keys ...string) {
	fs.String(configKey, "", "YAML file with settings")
	defaults := Default().values()
	for _, s := range settings() {
		if len(keys) == 0 || slices.Contains(keys, s.key) {
			fs.Var(&flagText{text: formatValue(defaults[s.key]), kind: s.kind}, s.key, s.usage)
		}
	}
}

// flagText keeps a flag as text, so that all bad values of all sources are
// reported together and not the first bad flag alone.
type flagText struct {
	text string
	kind kind
}

func (f *flagText) String() string        { return f.text }
func (f *flagText) Set(text string) error { f.text = text; return nil }
func (f *flagText) Type() string          { return string(f.kind) }

// Load merges the sources and checks the result. Its error is a Mistakes with
// every mistake found, in every source and between settings.
func Load(sources Sources) (Loaded, error) {
	l := loader{merged: koanf.New(delimiter), origin: map[string]string{}}
	defaults := Default()
	if err := l.merged.Load(structs.Provider(defaults, "koanf"), nil); err != nil {
		return Loaded{}, fmt.Errorf("load defaults: %w", err)
	}
	environ := koanf.New(delimiter)
	err := environ.Load(env.Provider(delimiter, env.Opt{
		Prefix:        envPrefix,
		EnvironFunc:   func() []string { return sources.Environ },
		TransformFunc: envKey,
	}), nil)
	if err != nil {
		return Loaded{}, fmt.Errorf("load environment: %w", err)
	}
	flags := koanf.New(delimiter)
	if sources.Flags != nil {
		err := flags.Load(posflag.ProviderWithFlag(sources.Flags, delimiter, flags, changedFlag), nil)
		if err != nil {
			return Loaded{}, fmt.Errorf("load flags: %w", err)
		}
	}
	if path, origin := configPath(environ, flags); path != "" {
		l.loadFile(path, origin)
	}
	l.load(environ.Raw(), func(key string) string { return envName(key) })
	l.load(flags.Raw(), func(key string) string { return "--" + key })

	loaded := Loaded{Origin: l.origin}
	if err := l.merged.Unmarshal("", &loaded.Config); err != nil {
		return Loaded{}, fmt.Errorf("read merged settings: %w", err)
	}
	loaded.Config = loaded.settle(l.origin)
	for _, m := range loaded.Validate() {
		m.Origin = l.originOf(m.Key)
		l.mistakes = append(l.mistakes, m)
	}
	if len(l.mistakes) > 0 {
		return loaded, l.mistakes
	}
	return loaded, nil
}

type loader struct {
	merged   *koanf.Koanf
	origin   map[string]string
	mistakes Mistakes
}

// load merges one source's good values over the earlier ones and notes the bad.
func (l *loader) load(values map[string]any, origin func(key string) string) {
	known := settingsByKey()
	good := map[string]any{}
	for _, key := range sortedKeys(values) {
		if key == configKey {
			continue
		}
		s, ok := known[key]
		if !ok {
			l.add(key, origin(key), "unknown setting"+suggest(key))
			continue
		}
		value, err := s.parse(values[key])
		if err != nil {
			l.add(key, origin(key), err.Error())
			continue
		}
		good[key] = value
		l.origin[key] = origin(key)
	}
	if err := l.merged.Load(confmap.Provider(good, delimiter), nil); err != nil {
		l.add("", origin(""), err.Error())
	}
}

func (l *loader) loadFile(path, origin string) {
	source := file.Provider(path)
	content, err := source.ReadBytes()
	if err != nil {
		var pathErr *os.PathError
		if errors.As(err, &pathErr) {
			err = pathErr.Err
		}
		l.add(configKey, origin, fmt.Sprintf("cannot read %s: %v", path, err))
		return
	}
	// The parser alone, and not koanf's file loading: that would split keys.
	values, err := yaml.Parser().Unmarshal(content)
	if err != nil {
		l.add(configKey, path, strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	lines := keyLines(content)
	l.load(values, func(key string) string { return fmt.Sprintf("%s:%d", path, lines[key]) })
}

func (l *loader) add(key, origin, text string) {
	l.mistakes = append(l.mistakes, Mistake{Key: key, Origin: origin, Text: text})
}

func (l *loader) originOf(key string) string {
	if origin, ok := l.origin[key]; ok {
		return origin
	}
	return fromPreset
}

func configPath(environ, flags *koanf.Koanf) (path, origin string) {
	if path := flags.String(configKey); path != "" {
		return path, "--" + configKey
	}
	return environ.String(configKey), envName(configKey)
}

// envKey maps SLUICE_KAFKA_LISTEN to kafka-listen. An empty variable counts as
// not set, as compose files write it.
func envKey(name, value string) (string, any) {
	if value == "" || reservedEnv.MatchString(name) {
		return "", nil
	}
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "_", "-"), value
}

func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// changedFlag keeps the flags that were given and are ours; others belong to the
// command.
func changedFlag(f *pflag.Flag) (string, any) {
	_, isSetting := f.Value.(*flagText)
	if !f.Changed || !isSetting && f.Name != configKey {
		return "", nil
	}
	return f.Name, f.Value.String()
}
