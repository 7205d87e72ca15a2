#!/bin/sh
# Writes .env beside docker-compose.yml: generated passwords and the key that the API asks for writes. Never overwrites one.
set -eu
cd "$(dirname "$0")/.."
file=${1:-.env}
if [ -e "$file" ]; then
  echo "$file is there already and stays as it is. (The databases know its passwords: to begin anew, first 'docker compose down -v'.)"
  exit 0
fi
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; } # letters and digits only: it also stands in URIs
umask 077
cat >"$file" <<ENV
# Read by docker compose. Keep it: the volumes were made with these.
RABBITMQ_PASSWORD=$(secret)
RABBITMQ_COOKIE=$(secret)
POSTGRES_PASSWORD=$(secret)
SEQ_PASSWORD=$(secret)
GRAFANA_PASSWORD=$(secret)
# Writes to the API carry it as X-Api-Key.
WEB_API_KEY=$(secret)
ENV
echo "$file is written. Next: docker compose up --build --wait"
