# shellcheck shell=bash disable=SC2034
# What the shows share: docker-compose.yml under a project name, passwords, images and ports of its own, removed at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export COMPOSE_PROJECT_NAME=dac-show DAC_VERSION=${DAC_VERSION:-show} DAC_WEB_PORT=0 DAC_RABBITMQ_PORT=0 DAC_SEQ_PORT=0
rate=${RATE:-500}       # slots a second
interval=5              # s, of each target
step=${STEP:-30}        # s that each state lasts
env=$(mktemp -u)
files=(-f docker-compose.yml -f tests/shows/targets.yml)

compose() { docker compose --env-file "$env" "${files[@]}" "$@"; }
say() { printf '%4s s  %s\n' "$SECONDS" "$*"; }
quietly() { "$@" >"$env.log" 2>&1 || { tail -n 40 "$env.log" >&2; return 1; }; }
sql() { compose exec -T postgres psql -U dac -d dac -P footer=off "$@"; }

tidy() {
  local code=$?
  if [ "$code" != 0 ]; then compose --profile '*' logs --tail 15 >&2 || true; fi
  compose --profile '*' down -v -t 10 --remove-orphans >/dev/null 2>&1
  rm -f "$env" "$env.log" "$env.csv"
}
trap tidy EXIT

# rate * interval targets on the 20 names of targets.yml
import_targets() {
  { echo key,url,interval,timeout
    for ((i = 0; i < rate * interval; i++)); do echo "t$i,http://target-$((i % 20 + 1)):8080/health/live?$i,${interval}s,2s"; done; } >"$env.csv"
  chmod a+r "$env.csv"
  quietly compose run --rm -T -v "$env.csv:/targets.csv:ro" dac import /targets.csv
  say "$((rate * interval)) targets of $interval s: $rate slots/s"
}

# Stops planning, waits until every slot has had its time, and prints the proof of docs/ledger.md with what became of the slots.
ledger() {
  local unaccounted
  # shellcheck disable=SC2046
  quietly docker stop -t 90 $(compose --profile '*' ps -q scheduler scheduler-2 2>/dev/null)
  say "planning stopped, waiting for the last slots"
  sleep 60
  quietly docker start "$(compose --profile '*' ps -aq scheduler | head -n 1)" # it audits what is left
  sleep 20
  proof() { awk '/^```sql/{on = ++n == 1; next} /^```/{on = 0} on' docs/ledger.md; }
  proof | sql
  sql -c "SELECT o.name AS outcome, o.class, count(*), round(max(lateness_us) / 1000.0) AS most_late_ms FROM probe_result r JOIN outcome o ON o.code = r.outcome GROUP BY 1, 2 ORDER BY 3 DESC"
  sql -c "SELECT coalesce(sum(extract(epoch FROM to_time - from_time)), 0) AS partition_seconds_not_planned FROM plan_gap"
  unaccounted=$(proof | sql -At | cut -d'|' -f3)
  say "unaccounted: $unaccounted"
  [ "$unaccounted" = 0 ]
}
