#!/usr/bin/env bash
# Profile ha under load: each of the three RabbitMQ nodes is stopped in turn, then one is cut off the network; then the ledger. RATE=500 slots/s, STEP=30 s each.
# shellcheck source=tests/shows/lib.sh
. "$(dirname "$0")/lib.sh"
infra/make-env.sh "$env" >/dev/null
export COMPOSE_PROFILES=ha
quietly compose build
say "images built"
quietly compose up -d --no-build --wait
compose exec -T rabbitmq rabbitmqctl -q --formatter json cluster_status | grep -o '"running_nodes":\[[^]]*\]'
import_targets
sleep "$step"
healthy() { until [ "$(docker inspect -f '{{.State.Health.Status}}' "$(compose ps -q "$1")")" = healthy ]; do sleep 1; done; }
for node in rabbitmq rabbitmq-2 rabbitmq-3; do
  quietly compose stop "$node"
  say "$node stopped"
  sleep "$step"
  quietly compose start "$node"
  healthy "$node"
  say "$node back"
  sleep "$step"
done
network=${COMPOSE_PROJECT_NAME}_default
node=$(compose ps -q rabbitmq-3)
docker network disconnect "$network" "$node"
say "rabbitmq-3 cut off"
sleep $((step * 2))
docker network connect --alias broker --alias rabbitmq-3 "$network" "$node"
say "rabbitmq-3 connected again"
sleep $((step * 2))
compose exec -T rabbitmq rabbitmqctl -q list_queues name type members online --formatter json | tr '}' '\n' | grep -c '"online":\[[^]]*,[^]]*,' | sed 's/^/queues with three replicas on line: /'
ledger
