#!/usr/bin/env bash
# Create the secrets of a new deployment: .env from .env.example, and the key of the replica set. Overwrites nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

# The users of the containers must be able to read the key. The folder blocks other users of the host.
mkdir -p deploy/secrets
chmod 700 deploy/secrets
if [[ ! -e deploy/secrets/mongodb.key ]]; then
  random_hex 378 > deploy/secrets/mongodb.key
  chmod 444 deploy/secrets/mongodb.key
  echo "created deploy/secrets/mongodb.key"
fi

if [[ ! -e .env ]]; then
  umask 077
  # Fill empty values of names that end in PASSWORD or KEY: letters and digits only, because they are part of URLs.
  while IFS= read -r line; do
    if [[ "$line" =~ ^[A-Z_]+(PASSWORD|KEY)=$ ]]; then
      printf '%s%s\n' "$line" "$(random_hex 24)"
    else
      printf '%s\n' "$line"
    fi
  done < .env.example > .env
  echo "created .env; DOCUSTORE_ADMIN_KEY in it is the bootstrap key of the API"
fi
