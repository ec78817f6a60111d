#!/usr/bin/env bash
# Valkey with a password and an append-only file: `start` runs it, `check` succeeds while it answers.
set -euo pipefail

tls_server=()
tls_client=()
if [[ "${VALKEY_TLS:-off}" == on ]]; then
  tls_server=(--port 0 --tls-port 6379 --tls-cert-file /run/tls/server.pem --tls-key-file /run/tls/server.pem
    --tls-ca-cert-file /run/tls/ca.pem --tls-auth-clients no)
  tls_client=(--tls --cacert /run/tls/ca.pem)
fi

case "${1:-start}" in
  start)
    # In a file, not as an argument: process lists show arguments.
    umask 077
    printf 'requirepass %s\n' "$VALKEY_PASSWORD" > /tmp/valkey.conf
    # noeviction: when memory is full, writes fail with an error and no job is lost.
    exec valkey-server /tmp/valkey.conf --dir /data --appendonly yes --appendfsync everysec \
      --maxmemory 256mb --maxmemory-policy noeviction "${tls_server[@]}"
    ;;
  check)
    answer=$(REDISCLI_AUTH="$VALKEY_PASSWORD" valkey-cli -h localhost "${tls_client[@]}" ping)
    [[ "$answer" == PONG ]]
    ;;
  *)
    echo "usage: server.sh start|check" >&2
    exit 2
    ;;
esac
