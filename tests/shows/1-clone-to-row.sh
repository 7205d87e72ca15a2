#!/usr/bin/env bash
# From a clean clone to the first stored row, by the README's two commands. Removes everything again.
# shellcheck source=tests/shows/lib.sh
. "$(dirname "$0")/lib.sh"
clone=$(mktemp -d)
trap 'tidy; rm -rf "$clone"' EXIT
git clone -q . "$clone"
cd "$clone" || exit
# shellcheck disable=SC2034 # lib.sh reads them
env=$clone/.env files=(-f docker-compose.yml)
SECONDS=0
infra/make-env.sh >/dev/null
quietly compose up -d --build --wait
say "images built, all healthy"
until [ "$(sql -Atc 'SELECT count(*) FROM probe_result')" -gt 0 ]; do sleep 0.2; done
say "first row"
page=$(compose port web 8080)
until [ "$(sql -Atc 'SELECT count(DISTINCT target_id) FROM probe_result')" = "$(sql -Atc 'SELECT count(*) FROM target')" ]; do sleep 0.5; done
say "every sample has a row, page: http://$page"
bash -c "exec 3<>/dev/tcp/${page/:/\/}; printf 'GET / HTTP/1.0\r\nHost: x\r\n\r\n' >&3; cat <&3" | grep -q web-live
compose logs --no-log-prefix seq | grep -o '"Service":"[a-z]*"' | sort | uniq -c
SECONDS=0
quietly compose down
say "down"
