#!/usr/bin/env bash
# Make the secrets of a new deployment: .env from .env.example, and the replica set's key. Overwrites nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

# The key must be readable by the containers' own users; the folder keeps everybody else on the host out.
mkdir -p deploy/secrets
chmod 700 deploy/secrets
if [[ ! -e deploy/secrets/mongodb.key ]]; then
  random_hex 378 > deploy/secrets/mongodb.key
  chmod 444 deploy/secrets/mongodb.key
  echo "made deploy/secrets/mongodb.key"
fi

if [[ ! -e .env ]]; then
  umask 077
  # An empty value behind a name that ends in PASSWORD or KEY is filled; letters and digits only, they stand in URLs.
  while IFS= read -r line; do
    if [[ "$line" =~ ^[A-Z_]+(PASSWORD|KEY)=$ ]]; then
      printf '%s%s\n' "$line" "$(random_hex 24)"
    else
      printf '%s\n' "$line"
    fi
  done < .env.example > .env
  echo "made .env; the API's bootstrap key is DOCUSTORE_ADMIN_KEY in it"
fi
