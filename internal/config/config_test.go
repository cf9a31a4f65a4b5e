package config_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"sluice/internal/config"
)

// load loads with a file's content (none if empty), environment and flags.
func load(t *testing.T, yaml string, environ, args []string) (config.Loaded, error) {
	t.Helper()
	if yaml != "" {
		t.Chdir(t.TempDir())
		if err := os.WriteFile("sluice.yaml", []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		environ = append([]string{"SLUICE_CONFIG=sluice.yaml"}, environ...)
	}
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.BindFlags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return config.Load(config.Sources{Flags: fs, Environ: environ})
}

func TestDefaultsAreValid(t *testing.T) {
	l, err := load(t, "", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if l.HTTP != "127.0.0.1:8080" || l.KafkaListen != "127.0.0.1:9092" || l.Wait != 25*time.Second ||
		l.MaxUploadBytes != 2_000_000_000 || l.Partitions != 2 || !l.RunsAll() || !l.EmbedsBroker() {
		t.Errorf("defaults %+v", l.Config)
	}
	if len(l.Origin) != 0 {
		t.Errorf("defaults have origins %v", l.Origin)
	}
	files, err := l.FilesURL()
	if err != nil || !strings.HasPrefix(files, "file:///") || !strings.HasSuffix(files, "/data/files") {
		t.Errorf("files %q, %v", files, err)
	}
	if got := l.Brokers(); len(got) != 1 || got[0] != "127.0.0.1:9092" {
		t.Errorf("brokers %q", got)
	}
}

func TestLaterSourcesWin(t *testing.T) {
	l, err := load(t, `
http: 127.0.0.1:1001
max-rows: 11
max-columns: 11
max-upload-bytes: 10MB
wait: 5s
role: [all]
log-level: debug
`, []string{"SLUICE_MAX_ROWS=22", "SLUICE_MAX_COLUMNS=22", "SLUICE_KAFKA=", "PATH=/bin"}, []string{"--max-columns=33"})
	if err != nil {
		t.Fatal(err)
	}
	if l.HTTP != "127.0.0.1:1001" || l.MaxRows != 22 || l.MaxColumns != 33 || l.MaxUploadBytes != 10_000_000 || l.Wait != 5*time.Second || l.LogLevel != "debug" {
		t.Errorf("loaded %+v", l.Config)
	}
	for key, want := range map[string]string{"http": "sluice.yaml:2", "max-rows": "SLUICE_MAX_ROWS", "max-columns": "--max-columns", "kafka": ""} {
		if got := l.Origin[key]; got != want {
			t.Errorf("origin of %s: %q, want %q", key, got, want)
		}
	}
}

func TestKafkaTurnsTheEmbeddedBrokerOff(t *testing.T) {
	l, err := load(t, "", nil, []string{"--kafka", "k1:9092, k2:9092", "--database", "postgres://db/sluice", "--files", "s3://bucket", "--role", "apply"})
	if err != nil {
		t.Fatal(err)
	}
	if l.KafkaListen != "" || l.EmbedsBroker() || l.Partitions != 12 || len(l.Brokers()) != 2 || l.NeedsData() {
		t.Errorf("loaded %+v", l.Config)
	}
	if !l.Runs(config.RoleApply) || l.Runs(config.RoleProducer) || l.RunsAll() {
		t.Errorf("roles %q", l.Role)
	}
}

func TestMistakes(t *testing.T) {
	shared := []string{"--kafka=k:9092", "--database=postgres://db/x", "--files=s3://b"}
	tests := map[string]struct {
		yaml    string
		environ []string
		args    []string
		want    string // each line of it stands in the error
	}{
		"unknown_key_in_the_file":      {yaml: "htpp: x\n", want: "sluice.yaml:1: htpp: unknown setting; did you mean http?"},
		"nested_key_in_the_file":       {yaml: "limits:\n  rows: 1\n", want: "sluice.yaml:1: limits: unknown setting"},
		"broken_file":                  {yaml: "a: [\n", want: "sluice.yaml: config: yaml:"},
		"absent_file":                  {args: []string{"--config", "/no/such.yaml"}, want: "--config: config: cannot read /no/such.yaml: no such file"},
		"wrong_type_in_the_file":       {yaml: "max-rows:\n  - 1\n", want: "sluice.yaml:1: max-rows: holds a slice: want a number"},
		"empty_value_in_the_file":      {yaml: "max-rows:\n", want: "sluice.yaml:1: max-rows: has no value"},
		"unknown_variable":             {environ: []string{"SLUICE_KAFFKA=k:1"}, want: "SLUICE_KAFFKA: kaffka: unknown setting; did you mean kafka?"},
		"bad_number_in_a_variable":     {environ: []string{"SLUICE_MAX_ROWS=many"}, want: `SLUICE_MAX_ROWS: max-rows: "many" is not a whole number`},
		"bad_duration":                 {args: []string{"--wait", "25"}, want: `--wait: wait: "25" is not a duration`},
		"bad_size":                     {args: []string{"--max-upload-bytes", "2 gigs"}, want: `"2 gigs" is not a size`},
		"wait_over_a_minute":           {args: []string{"--wait", "61s"}, want: "wait: 1m1s is not between 0s and 1m0s"},
		"unknown_role":                 {args: append(shared, "--role=split"), want: `--role: role: "split" is not one of all, producer`},
		"role_twice":                   {args: append(shared, "--role=apply,apply"), want: "names apply twice"},
		"all_and_another":              {args: []string{"--role=all,apply"}, want: "names all and others"},
		"no_role":                      {args: []string{"--role="}, want: "names no role"},
		"roles_apart_on_embedded":      {args: []string{"--role=apply"}, want: "--kafka is missing\n--database is missing\n--files is missing"},
		"analytics_without_a_place":    {args: append(shared, "--role=analytics"), want: "--analytics is missing"},
		"embedded_and_real_kafka":      {args: []string{"--kafka=k:9092", "--kafka-listen=127.0.0.1:0"}, want: "--kafka-listen: kafka-listen: excludes kafka"},
		"broker_without_port":          {args: []string{"--kafka=k"}, want: `"k" is not host:port`},
		"broker_on_port_0":             {args: []string{"--kafka=k:0"}, want: `port "0" is not a number from 1 to 65535`},
		"open_on_all_addresses":        {args: []string{"--http=:8080"}, want: `--http: http: ":8080" is not a loopback address`},
		"open_on_any_ipv6":             {args: []string{"--http=[::]:8080"}, want: "is not a loopback address"},
		"open_on_a_name":               {args: []string{"--http=example.org:80"}, want: "is not a loopback address"},
		"broker_open_on_the_network":   {args: []string{"--kafka-listen=10.0.0.1:9092"}, want: "kafka-listen: \"10.0.0.1:9092\" is not a loopback address"},
		"port_out_of_range":            {args: []string{"--http=127.0.0.1:70000"}, want: `port "70000" is not a number from 0 to 65535`},
		"address_without_port":         {args: []string{"--http=localhost"}, want: `"localhost" is not host:port`},
		"same_address_twice":           {args: []string{"--http=127.0.0.1:9092"}, want: "kafka-listen: is the address of http too"},
		"database_of_another_kind":     {args: []string{"--database=mysql://u:pw@h/db"}, want: `database: has scheme "mysql": want postgres://`},
		"database_without_host":        {args: []string{"--database=postgres:///db"}, want: "names no host"},
		"relative_files_folder":        {args: []string{"--files=file://x/y"}, want: "must name an absolute folder"},
		"files_of_another_kind":        {args: []string{"--files=gs://x"}, want: `files: has scheme "gs"`},
		"public_url_with_query":        {args: []string{"--public-url=https://x/?a=b"}, want: "want scheme, host and path only"},
		"no_data_folder":               {args: []string{"--data="}, want: "--data: data: is empty"},
		"window_smaller_than_batch":    {args: []string{"--window-rows=10"}, want: "window-rows: 10 is less than batch-rows, 1000"},
		"rows_beyond_what_is_reported": {args: []string{"--max-rows=3000000000"}, want: "is not between 1 and 2147483647"},
		"small_log":                    {args: []string{"--kafka-log-bytes=1MB"}, want: "1MB is less than 64MB"},
		"log_format":                   {args: []string{"--log-format=xml", "--log-level=loud"}, want: `"xml" is not one of json, text` + "\n" + `"loud" is not one of debug`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.yaml, test.environ, test.args)
			var mistakes config.Mistakes
			if !errors.As(err, &mistakes) {
				t.Fatalf("error %v", err)
			}
			wanted := strings.Split(test.want, "\n")
			for _, want := range wanted {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not stand in:\n%v", want, err)
				}
			}
			if len(mistakes) != len(wanted) {
				t.Errorf("%d mistakes, want %d:\n%v", len(mistakes), len(wanted), err)
			}
		})
	}
}

func TestAllMistakesOfAllSourcesAreReportedAtOnce(t *testing.T) {
	_, err := load(t, "htpp: x\nmax-rows: -1\n", []string{"SLUICE_WAIT=soon", "SLUICE_NO_SUCH=1"}, []string{"--http=0.0.0.0:1", "--role=apply"})
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) {
		t.Fatalf("error %v", err)
	}
	if len(mistakes) != 8 {
		t.Errorf("%d mistakes, want 8:\n%v", len(mistakes), err)
	}
}

func TestForeignVariablesAreLeftAlone(t *testing.T) {
	_, err := load(t, "", []string{
		"SLUICE_SERVICE_HOST=10.0.0.1", "SLUICE_PORT=tcp://10.0.0.1:80", "SLUICE_PORT_80_TCP_ADDR=10.0.0.1",
		"SLUICE_PRODUCER_SERVICE_PORT_HTTP=80", "SLUICE_PRODUCER_PORT=tcp://x", "SLUICE_CRASH=x", "SLUICE_TEST_KAFKA=x",
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestOnlyTheGivenKeysBecomeFlags(t *testing.T) {
	fs := pflag.NewFlagSet("tail", pflag.ContinueOnError)
	config.BindFlags(fs, "kafka")
	if fs.Lookup("kafka") == nil || fs.Lookup("config") == nil || fs.Lookup("http") != nil {
		t.Error("flags are not kafka and config")
	}
}

func TestShowMasksSecretsAndReadsBack(t *testing.T) {
	l, err := load(t, "", nil, []string{
		"--kafka=k:9092", "--database=postgres://sluice:hunter2@db/sluice?sslpassword=hunter2&sslmode=require", "--analytics=clickhouse://u:hunter2@ch/x", "--max-rows=5",
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := l.Show(&out); err != nil {
		t.Fatal(err)
	}
	shown := out.String()
	if strings.Contains(shown, "hunter2") {
		t.Errorf("a password is shown:\n%s", shown)
	}
	for _, want := range []string{"sslmode=require", "max-rows: 5  # --max-rows\n", "wait: 25s  # default\n", `registry: ""  # default`} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
	path := filepath.Join(t.TempDir(), "shown.yaml")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := load(t, "", nil, []string{"--config", path})
	if err != nil {
		t.Fatal(err)
	}
	if again.MaxRows != 5 || again.Kafka[0] != "k:9092" || again.MaxUploadBytes != l.MaxUploadBytes || again.Files != "" {
		t.Errorf("read back %+v", again.Config)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]config.Size{"0": 0, "1500": 1500, "1KB": 1000, "2 gb": 2e9, "64MiB": 64 << 20, "1_000b": 1000} {
		if got, err := config.ParseSize(text); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GB", "-1", "1.5GB", "10 parsecs", "99999999999GB"} {
		if got, err := config.ParseSize(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
	for size, want := range map[config.Size]string{512e6: "512MB", 2e9: "2GB", 1 << 20: "1048576B", 5000: "5KB"} {
		if got := size.String(); got != want {
			t.Errorf("%d is written %q, want %q", size, got, want)
		}
	}
}
