#!/usr/bin/env bash
# Collectors 2 to 4 to 1 under load, then a rolling restart of every service, then the ledger. RATE=500 slots/s, STEP=30 s each.
# shellcheck source=tests/shows/lib.sh
. "$(dirname "$0")/lib.sh"
infra/make-env.sh "$env" >/dev/null
quietly compose build
say "images built"
scale() { quietly compose up -d --no-build --no-recreate --wait --scale scheduler=2 --scale writer=2 --scale collector="$1"; }
scale 2
import_targets
sleep "$step"
for n in 4 1; do
  scale "$n"
  say "collectors: $n"
  sleep "$step"
done
scale 2
for service in scheduler collector writer web; do
  for container in $(compose ps -q "$service"); do
    quietly docker restart -t 90 "$container"
    until [ "$(docker inspect -f '{{.State.Health.Status}}' "$container")" = healthy ]; do sleep 0.5; done
    say "$service restarted"
  done
done
sleep 10
ledger
