#!/bin/sh
# Starts RabbitMQ as its image does, and loads the policies beside this file once it is up: see README.md.
set -e
here=$(dirname "$0")
# Nodes of one cluster share it.
cookie=/var/lib/rabbitmq/.erlang.cookie
if [ -n "${DAC_COOKIE:-}" ] && [ ! -s "$cookie" ]; then
  (umask 077 && printf %s "$DAC_COOKIE" >"$cookie")
  chown rabbitmq: "$cookie"
fi
# A new node joins the cluster of this one. (Nodes that are not there yet must not be listed: their names take minutes to fail.)
if [ -n "${DAC_JOIN:-}" ]; then
  cat >/etc/rabbitmq/conf.d/95-join.conf <<CONF
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = rabbit@$DAC_JOIN
cluster_formation.classic_config.nodes.2 = rabbit@$(hostname)
CONF
fi
(
  # Not before the broker has written its cookie: rabbitmqctl would make one that the broker may not read.
  until [ -s "$cookie" ]; do sleep 0.5; done
  for _ in $(seq 60); do
    if rabbitmqctl -q await_startup --timeout 10 && rabbitmqctl -q import_definitions "$here/definitions.json"; then exit 0; fi
    sleep 2
  done
  echo "The policies of $here/definitions.json could not be loaded." >&2
) &
exec docker-entrypoint.sh rabbitmq-server
