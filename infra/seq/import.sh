#!/bin/sh
# Adds the signals and queries beside this file to a Seq server: import.sh URL [API-KEY]
set -eu
url=${1:?usage: import.sh URL [API-KEY]}
here=$(dirname "$0")
for kind in signals queries; do
  entity=$([ $kind = signals ] && echo signals || echo sqlqueries)
  have=$(curl -fsS ${2:+-H "X-Seq-ApiKey: $2"} "$url/api/$entity/?shared=true" | jq -r '.[].Title')
  jq -c '.[]' "$here/$kind.json" | while read -r item; do
    title=$(printf '%s' "$item" | jq -r .Title)
    if printf '%s\n' "$have" | grep -qxF "$title"; then
      echo "is there: $title"
      continue
    fi
    printf '%s' "$item" | curl -fsS -o /dev/null ${2:+-H "X-Seq-ApiKey: $2"} -H 'Content-Type: application/json' -d @- "$url/api/$entity/"
    echo "added: $title"
  done
done
