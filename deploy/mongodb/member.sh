#!/usr/bin/env bash
# One member of the replica set: `start` runs the server, `check` succeeds while it answers.
set -euo pipefail

tls_server=()
tls_client=()
if [[ "${MONGODB_TLS:-off}" == on ]]; then
  tls_server=(--tlsMode requireTLS --tlsCertificateKeyFile /run/tls/server.pem --tlsCAFile /run/tls/ca.pem
    --tlsAllowConnectionsWithoutCertificates)
  tls_client=(--tls --tlsCAFile /run/tls/ca.pem)
fi

case "${1:-start}" in
  start)
    # mongod refuses a key that others can read. A bind-mounted secret has the owner and mode of the host, so copy it.
    umask 077
    cat /run/secrets/mongodb_key > /tmp/mongodb.key
    exec mongod --replSet rs0 --keyFile /tmp/mongodb.key --bind_ip_all --dbpath /data/db \
      --wiredTigerCacheSizeGB "${MONGODB_CACHE_GB:-0.5}" "${tls_server[@]}"
    ;;
  check)
    exec mongosh --quiet --norc --host localhost "${tls_client[@]}" --eval 'quit(db.adminCommand("ping").ok ? 0 : 1)'
    ;;
  *)
    echo "usage: member.sh start|check" >&2
    exit 2
    ;;
esac
