#!/usr/bin/env bash
# What each deployment does between database and services: migrations, and the first API key where there is none.
# Terraform runs it, with NAME, CLUSTER, SUBNETS, SECURITY_GROUP, API_KEY_SECRET and the region set. Safe to repeat.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

"$here/run_task.sh" "$NAME-migrate"
"$here/run_task.sh" "$NAME-keys" keys create deploy --if-none --to-secret "$API_KEY_SECRET"
