# shellcheck shell=bash
# What destroy.sh removes or keeps by itself, before and after Terraform.

# The last transactions: no new ones are let in, and those on their way reach the archive and the database.
drain() {
  local seconds
  [ "$(records_of_the_last_minutes)" != 0 ] || return 0
  aws ecs update-service --cluster "$name" --service producer --desired-count 0 >/dev/null
  seconds=$(aws firehose describe-delivery-stream --delivery-stream-name "$name-archive" --query \
    'DeliveryStreamDescription.Destinations[0].ExtendedS3DestinationDescription.BufferingHints.IntervalInSeconds')
  say "   the producer is stopped; the last transactions reach the archive within $(duration $((seconds + 60)))"
  sleep $((seconds + 60))
}

records_of_the_last_minutes() {
  local now sum
  now=$(date +%s)
  sum=$(aws cloudwatch get-metric-statistics --namespace AWS/Kinesis --metric-name IncomingRecords --statistics Sum \
    --dimensions "Name=StreamName,Value=$name-transactions" --start-time $((now - 900)) --end-time "$now" --period 900 \
    --query 'sum(Datapoints[].Sum)' 2>/dev/null) || sum=0
  echo "${sum%.*}"
}

database_status() {
  aws rds describe-db-instances --db-instance-identifier "$name" --query 'DBInstances[0].DBInstanceStatus' \
    2>/dev/null || true
}

# Terraform knows one name for the final snapshot, and it may be taken already. So the deletion is begun here.
delete_database() { # name of the final snapshot or nothing
  local ends=$((SECONDS + 1800)) last=(--skip-final-snapshot)
  [ -z "$1" ] || last=(--final-db-snapshot-identifier "$1")
  case $(database_status) in '' | deleting) return ;; esac
  until try_to_delete_database "${last[@]}"; do
    [ $SECONDS -lt $ends ] || die "the database cannot be deleted: $(tail -n 1 "$work/database")"
    sleep "$POLL_SECONDS" # it is being made or changed
  done
  say "   the deletion has begun${1:+, with the snapshot $1}"
}

try_to_delete_database() { # what becomes of its data
  [ -n "$(database_status)" ] || return 0
  aws rds modify-db-instance --db-instance-identifier "$name" --no-deletion-protection --apply-immediately \
    >/dev/null 2>"$work/database" || return 1
  aws rds delete-db-instance --db-instance-identifier "$name" "$@" >/dev/null 2>"$work/database"
}

snapshots() {
  aws rds describe-db-snapshots --snapshot-type manual \
    --query "DBSnapshots[?DBInstanceIdentifier=='$name'].[DBSnapshotIdentifier]" 2>/dev/null || true
}

drop_protection() {
  local balancer service
  balancer=$(aws elbv2 describe-load-balancers --names "$name" --query 'LoadBalancers[0].LoadBalancerArn' \
    2>/dev/null || true)
  [ -z "$balancer" ] || quietly aws elbv2 modify-load-balancer-attributes --load-balancer-arn "$balancer" \
    --attributes Key=deletion_protection.enabled,Value=false
  for service in producer consumer; do
    remove "images of the $service" aws ecr delete-repository --repository-name "$name/$service" --force
  done
}

# The archive's bucket and the key outlive Terraform's part: the next deployment takes them over.
let_terraform_forget() {
  local addresses=() address
  while IFS= read -r address; do
    addresses+=("$address")
  done < <(grep -E '^aws_(s3_bucket[a-z_]*\.archive|kms_(key|alias)\.this)$' <<<"$1")
  [ ${#addresses[@]} = 0 ] || quietly tf state rm "${addresses[@]}"
}

# Made by KCL, by the application and by AWS's services: not in Terraform's state.
remove_leftovers() {
  local suffix
  for suffix in '' -CoordinatorState -WorkerMetricStats; do
    remove "table $name-anomalies$suffix" aws dynamodb delete-table --table-name "$name-anomalies$suffix"
  done
  if [ -n "$(api_key)" ]; then forget_api_key && say "   removed: secret $name/api-key"; fi
  remove "secret $name/console-password" aws secretsmanager delete-secret \
    --secret-id "$name/console-password" --force-delete-without-recovery
  remove_log_groups
  retire_task_definitions
}

remove_log_groups() {
  local prefix groups group
  for prefix in "/$name/" "/aws/rds/instance/$name/" "/aws/ecs/containerinsights/$name/"; do
    groups=$(aws logs describe-log-groups --log-group-name-prefix "$prefix" --query 'logGroups[].logGroupName')
    for group in $groups; do
      remove "log group $group" aws logs delete-log-group --log-group-name "$group"
    done
  done
}

# They cost nothing, but are many.
retire_task_definitions() {
  local family definitions definition
  for family in producer consumer console migrate keys consumer-tool console-tool; do
    definitions=$(aws ecs list-task-definitions --family-prefix "$name-$family" --query 'taskDefinitionArns[]')
    for definition in $definitions; do
      aws ecs deregister-task-definition --task-definition "$definition" >/dev/null &
    done
    wait
  done
}

delete_archive() {
  local bucket
  bucket=$(archive_bucket)
  bucket_exists "$bucket" || return 0
  while aws s3api list-object-versions --bucket "$bucket" --max-items 1000 --output json --query \
    '{Quiet: `true`, Objects: [Versions, DeleteMarkers][][].{Key: Key, VersionId: VersionId}}' >"$work/versions" \
    && grep -q '"Key"' "$work/versions"; do
    quietly aws s3api delete-objects --bucket "$bucket" --delete "file://$work/versions"
  done
  quietly aws s3api delete-bucket --bucket "$bucket"
  say "   removed: bucket $bucket"
}

# AWS waits 30 days before it deletes a key, free of charge.
delete_key() {
  local key
  key=$(kept_key)
  [ -n "$key" ] || return 0
  quietly aws kms delete-alias --alias-name "alias/$name"
  quietly aws kms schedule-key-deletion --key-id "$key" --pending-window-in-days 30
  say "   the key $key is deleted in 30 days"
}
