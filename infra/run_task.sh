#!/usr/bin/env bash
# Runs a one-off task of the deployment, shows the end of its log, and exits with its container's exit code.
usage() {
  cat <<'END'
usage: infra/run_task.sh TASK_FAMILY [WORD…]

Runs the newest revision of a task definition once and waits for its end. The words take the place of the command in
its image's entry point. The log goes to stdout, messages go to stderr.

  infra/run_task.sh payment-analytics-migrate
  infra/run_task.sh payment-analytics-keys keys list
  infra/run_task.sh payment-analytics-consumer-tool progress show

CLUSTER, SUBNETS (separated by commas) and SECURITY_GROUP say where; what is not set comes from `terraform output`.
Region and credentials are the AWS command line's. It waits TASK_SECONDS (3600) at most, the task itself runs on.
END
}
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export AWS_PAGER='' AWS_DEFAULT_OUTPUT=text
# The first version of the AWS command line knows this name alone.
if [ -n "${AWS_REGION:-}" ]; then export AWS_DEFAULT_REGION=$AWS_REGION; fi

complain() { printf '%s\n' "$*" >&2; }

output() { terraform -chdir="$root/infra" output -raw "$1"; }

json() { # a word as JSON
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

overrides() { # container, word…
  local container=$1 words='' word
  shift
  for word in "$@"; do words="$words${words:+, }$(json "$word")"; done
  printf '{"containerOverrides": [{"name": "%s", "command": [%s]}]}' "$container" "$words"
}

start() { # family, container, word…: the task's ARN
  local family=$1 container=$2 found task reason
  shift 2
  local command=()
  [ $# = 0 ] || command=(--overrides "$(overrides "$container" "$@")")
  found=$(aws ecs run-task --cluster "$CLUSTER" --task-definition "$family" --launch-type FARGATE \
    --network-configuration "awsvpcConfiguration={subnets=[$SUBNETS],securityGroups=[$SECURITY_GROUP]}" \
    --started-by run_task ${command[@]+"${command[@]}"} --query '[tasks[0].taskArn, failures[0].reason]') || return 1
  read -r task reason <<<"$found"
  if [ "$task" = None ]; then
    complain "$family could not be started: $reason"
    return 1
  fi
  echo "$task"
}

# Sets `code`, its container's exit code (None if it never ran), and `reason`.
wait_for_end() { # task
  local ends=$((SECONDS + ${TASK_SECONDS:-3600})) status='' unanswered=0
  while [ "$status" != STOPPED ]; do
    [ -z "$status" ] || sleep "${TASK_POLL_SECONDS:-3}"
    read -r status code reason < <(describe "$1") || { status=UNKNOWN && unanswered=$((unanswered + 1)); }
    if [ $SECONDS -ge $ends ] || [ $unanswered -ge 5 ]; then
      complain "$1 is $status; it is not waited for any longer, and not stopped"
      return 1
    fi
  done
}

describe() { # task
  aws ecs describe-tasks --cluster "$CLUSTER" --tasks "$1" \
    --query 'tasks[0].[lastStatus, containers[0].exitCode, stoppedReason, containers[0].reason]'
}

# The last lines may come a little later than the end.
show_log() { # family, container, task
  local where group prefix tries
  where=$(aws ecs describe-task-definition --task-definition "$1" --query \
    'taskDefinition.containerDefinitions[0].logConfiguration.options.["awslogs-group", "awslogs-stream-prefix"]')
  read -r group prefix <<<"$where"
  for tries in 1 2 3 4 5; do
    if aws logs get-log-events --log-group-name "$group" --log-stream-name "$prefix/$2/${3##*/}" --limit 30 \
      --query 'events[].[message]' 2>/dev/null; then return; fi
    [ "$tries" = 5 ] || sleep "${TASK_POLL_SECONDS:-3}"
  done
  complain "(no log in $group)"
}

main() {
  local family=$1 container=${1##*-} task code reason
  shift
  CLUSTER=${CLUSTER:-$(output cluster)}
  SUBNETS=${SUBNETS:-$(output task_subnets)}
  SECURITY_GROUP=${SECURITY_GROUP:-$(output task_security_group)}
  task=$(start "$family" "$container" "$@")
  complain "$family: task ${task##*/}"
  wait_for_end "$task"
  show_log "$family" "$container" "$task"
  [ "$code" != 0 ] || return 0
  complain "${task##*/} failed (exit code $code): $reason"
  [ "$code" != None ] || code=1
  return "$code"
}

case ${1:-} in
  -h | --help) usage ;;
  '' | -*) usage >&2 && exit 2 ;;
  *) main "$@" ;;
esac
