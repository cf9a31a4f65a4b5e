#!/usr/bin/env bash
# The demo behind `make run`: starts bin/sluice with every role in one process,
# creates the customers of examples/customers.csv, sends examples/updates.csv,
# shows the answer and keeps serving until Ctrl-C. Needs nothing but bash and Go.
#
#   HTTP=127.0.0.1:0 KAFKA=127.0.0.1:0 DATA=./data scripts/run-demo.sh
#
# The Idempotency-Keys are fixed: a second run gets the first one's answers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
data=${DATA:-./data}
company=CEKDEMO001
sluice=bin/sluice

flags=(--data "$data")
[ -z "${HTTP:-}" ] || flags+=(--http "$HTTP")
[ -z "${KAFKA:-}" ] || flags+=(--kafka-listen "$KAFKA")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: > "$work/ready.json"
server=
# A process group of its own keeps Ctrl-C on a terminal from reaching the
# server twice: from the terminal and from here.
set -m
"$sluice" serve "${flags[@]}" < /dev/null > "$work/ready.json" &
server=$!
set +m

stopping=
stop() { stopping=yes; kill -TERM "$server" 2>/dev/null || true; }
trap stop INT TERM HUP
# serve_out waits for the server's end, through as many signals as come, and
# leaves with its exit code.
serve_out() {
  local code=0
  while true; do
    code=0
    wait "$server" || code=$?
    kill -0 "$server" 2>/dev/null || break
  done
  exit "$code"
}
fail() { echo "run-demo: $*" >&2; stop; wait "$server" 2>/dev/null || true; exit 1; }

until [ "$(wc -l < "$work/ready.json")" -ge 1 ]; do
  [ -z "$stopping" ] && kill -0 "$server" 2>/dev/null || serve_out
  sleep 0.1 || true
done
address() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p;q" "$work/ready.json"; }
http=http://$(address http)
kafka=$(address kafka)
mkdir -p "$data"

# upload NAME ARGS…: 1 says that some rows were refused, which the demo wants.
upload() {
  local name=$1 code=0
  shift
  "$sluice" upload "$@" --url "$http" --company "$company" --wait --json > "$data/$name-response.json" < /dev/null || code=$?
  [ -z "$stopping" ] || serve_out
  [ "$code" -le 1 ] || fail "uploading ended with exit code $code"
}

upload create examples/customers.csv --create --idempotency-key demo-create-1
echo
echo "examples/customers.csv, sent to create customers, was answered:"
go run ./scripts/pretty < "$data/create-response.json"
upload update examples/updates.csv --idempotency-key demo-update-1 --failures "$data/updates-failures.csv"
echo
echo "examples/updates.csv, sent to update them, was answered:"
go run ./scripts/pretty < "$data/update-response.json"

cat <<TEXT

Whole answers       $data/create-response.json $data/update-response.json
Rows that failed    $data/updates-failures.csv
All files           $data
Topics              customer.updates bulk.results customer.changes bulk.responses bulk.deadletters
                    on the Kafka broker at $kafka
                    $sluice tail customer.changes --kafka $kafka --from-start --count 3
Try next            curl -sS '$http/api/v0/customer/bulk/uploads?companyId=$company'
                    curl -sS -F file=@examples/updates.csv '$http/api/v0/customer/bulk/update?companyId=$company'

Serving on $http until Ctrl-C.
TEXT
serve_out
