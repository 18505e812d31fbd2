# shellcheck shell=bash
# After an apply: the services' rollout, the API key, and the canary.

readonly STABLE_SECONDS=${STABLE_SECONDS:-1200} POLL_SECONDS=${POLL_SECONDS:-5}

# A rollback ends stable too, with the task definition of before: so both are asked for.
wait_until_stable() {
  local ends=$((SECONDS + STABLE_SECONDS)) service newest
  for service in producer consumer console; do
    newest=$(aws ecs describe-task-definition --task-definition "$name-$service" --query taskDefinition.taskDefinitionArn)
    until is_rolled_out "$service" "${newest##*/}"; do
      [ $SECONDS -lt $ends ] || give_up_on "$service" "$service is not stable after $(duration "$STABLE_SECONDS")"
      sleep "$POLL_SECONDS"
    done
    say "   $service runs"
  done
}

is_rolled_out() { # service, task definition
  local rollout definition deployments running desired primary="deployments[?status=='PRIMARY'] | [0]"
  read -r rollout definition deployments running desired < <(ask_service "$1" \
    "[$primary.rolloutState, taskDefinition, length(deployments), runningCount, desiredCount]")
  if [ "$rollout" = FAILED ] || [ "${definition##*/}" != "$2" ]; then
    give_up_on "$1" "the new $1 did not come up, and ECS went back to the one before; its log is in /$name/$1"
  fi
  if [ "$desired" = 0 ]; then # a destroy.sh that did not go on stopped it, and Terraform leaves the number alone
    aws ecs update-service --cluster "$name" --service "$1" --desired-count 1 >/dev/null
    return 1
  fi
  [ "$rollout" = COMPLETED ] && [ "$deployments" = 1 ] && [ "$running" = "$desired" ]
}

ask_service() { # service, query
  aws ecs describe-services --cluster "$name" --services "$1" --query "services[0].$2"
}

give_up_on() { # service, why
  say "   what ECS says about $1:"
  ask_service "$1" 'events[:8].[message]' | sed 's/^/     /' >&2
  die "$2"
}

run_tool() { # family's end, word…
  local family=$name-$1
  shift
  CLUSTER=$(output cluster) SUBNETS=$(output task_subnets) SECURITY_GROUP=$(output task_security_group) \
    "$root/infra/run_task.sh" "$family" "$@" >&2
}

# The clear text of the first key, until it is rotated; nothing afterwards.
api_key() {
  aws secretsmanager get-secret-value --secret-id "$name/api-key" --query SecretString 2>/dev/null || true
}

forget_api_key() {
  quietly aws secretsmanager delete-secret --secret-id "$name/api-key" --force-delete-without-recovery
}

verify() { # API key or nothing
  step "Canary"
  if [ -n "$1" ]; then
    canary "$(output api_gateway_url)" "$1"
  else
    say "   left out: the first API key was rotated and is kept nowhere; COLLECTOR_API_KEY=… ./deploy.sh takes yours"
  fi
  end_step
}

# One transaction just above the threshold, from the URL that clients use down to its anomaly in the database.
canary() { # URL, API key
  local trx_id
  trx_id=$(new_uuid)
  post_canary "$1" "$2" "$trx_id"
  say "   $trx_id was accepted at $1"
  run_tool consumer-tool await-anomaly "$trx_id" --seconds 300 \
    || die "no anomaly of $trx_id came out; the consumer's log is in /$name/consumer"
}

new_uuid() {
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/\1-\2-4\3-a\4-\5/'
}

# A new key, a new link into the VPC and new tasks take up to a minute or two to be known everywhere.
post_canary() { # URL, API key, transaction's id
  local ends=$((SECONDS + 240)) status
  until status=$(send_canary "$@") && [ "$status" = 202 ]; do
    [ $SECONDS -lt $ends ] || die "the canary was not accepted: HTTP $status $(cat "$work/canary" 2>/dev/null)"
    sleep "$POLL_SECONDS"
  done
}

send_canary() { # URL, API key, transaction's id: prints the HTTP status; the key does not show among the processes
  printf 'header = "x-api-key: %s"\n' "$2" | curl --config - --silent --show-error --max-time 40 \
    --output "$work/canary" --write-out '%{http_code}' --header 'content-type: application/json' \
    --data "$(canary_body "$3")" "$1/collector/transactions" 2>>"$work/canary.errors"
}

canary_body() { # transaction's id
  cat <<END
{"records": [{"trxId": "$1", "amount": 1000.01, "transactionDate": "$(date -u +%Y-%m-%dT%H:%M:%SZ)",
  "senderId": "deploy-canary", "senderIban": "XX00CANARY", "senderBankId": "deploy-canary",
  "receiverId": "deploy-canary", "receiverIban": "XX00CANARY", "receiverBankId": "deploy-canary"}]}
END
}
