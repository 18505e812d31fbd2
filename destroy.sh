#!/usr/bin/env bash
# Removes a deployment from AWS.
usage() {
  cat <<'END'
usage: ./destroy.sh [OPTION…]

Says what will be lost, asks for the deployment's name, and removes everything that deploy.sh made, except for a last
snapshot of the database, the archive of all transactions, and the key that both are encrypted with. A later deploy.sh
takes archive and key over. Safe to run again, also after it was interrupted.

  --no-snapshot        take no last snapshot of the database
  --delete-archive     delete the archive as well; also when everything else is gone already
END
  common_options
  cat <<'END'

It needs the AWS command line and terraform, and on AWS some 20 minutes.

  ./destroy.sh
  ./destroy.sh --name staging --region eu-west-1 --yes
  ./destroy.sh --no-snapshot --delete-archive          # nothing is kept

Exit codes: 0 also if nothing was there, 1 where something failed, 2 for wrong options, 130 if interrupted.
END
}
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=infra/deploy/common.sh
source "$root/infra/deploy/common.sh"

snapshot=1 keep_archive=1 in_state=''

parse() {
  while [ $# -gt 0 ]; do
    common_option "$@"
    if [ "$shifted" -gt 0 ]; then shift "$shifted" && continue; fi
    case $1 in
      --no-snapshot) snapshot='' ;;
      --delete-archive) keep_archive='' ;;
      *) usage_error "unknown option: $1" ;;
    esac
    shift
  done
  check_common_options
}

preflight() {
  step "Preflight"
  check_tool aws "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
  check_terraform
  export_aws_settings
  check_account
  choose_state
  report_faults
  say "   account $account, region $AWS_REGION, name $name, state: $(where_state_is)"
  if [ -n "$found_state" ]; then
    init_terraform "$state"
    in_state=$(tf state list)
  fi
  end_step
}

announce() {
  local bucket objects database="WITHOUT a snapshot" archive=DELETED
  bucket=$(archive_bucket)
  [ -z "$snapshot" ] || database="deleted, and kept as a snapshot"
  [ -z "$keep_archive" ] || archive=kept
  say "" "This removes $name from account $account in $AWS_REGION:"
  [ -z "$(database_status)" ] || say "  database     $database"
  if bucket_exists "$bucket"; then
    objects=$(aws s3api list-objects-v2 --bucket "$bucket" --max-keys 1000 --query KeyCount)
    say "  archive      $archive: $bucket, ${objects/1000/1000 or more} objects"
  fi
  say "  the rest     deleted: services, stream with what is not yet read, images, API keys, alarms, logs"
}

is_anything_there() {
  [ -n "$in_state" ] || [ -n "$(database_status)" ] \
    || { [ -z "$keep_archive" ] && bucket_exists "$(archive_bucket)"; } \
    || aws dynamodb describe-table --table-name "$name-anomalies" >/dev/null 2>&1 || [ -n "$(api_key)" ] \
    || { [ -n "$(kept_key)" ] && ! is_key_needed; }
}

is_key_needed() {
  [ -n "$(snapshots)" ] || bucket_exists "$(archive_bucket)"
}

destroy_with_terraform() {
  local changes=0
  set_var name "$name"
  set_var region "$AWS_REGION"
  set_var alert_sender nobody@example.com # wanted, but of no meaning here
  set_var alert_recipients '["nobody@example.com"]'
  let_terraform_forget "$in_state"
  plan -destroy || changes=$?
  case $changes in
    0) ;;
    2) carry_out_plan ;;
    *) return 1 ;;
  esac
}

show_what_remains() {
  local kept
  kept=$(snapshots)
  say "" "What remains:"
  [ -z "$kept" ] || say "  snapshots    $(tr '\n' ' ' <<<"$kept")(0.10 dollars a GB and month)"
  ! bucket_exists "$(archive_bucket)" \
    || say "  archive      $(archive_bucket) (0.02 dollars a GB and month; ./destroy.sh --delete-archive)"
  [ -z "$(kept_key)" ] || say "  key          alias/$name, which they are encrypted with (1 dollar a month)"
  [ "$state" = local ] || say "  state        s3://$state_bucket (less than a cent, for all deployments in this region)"
}

destroy() {
  if [ -n "$in_state" ]; then
    step "Last transactions"
    [ -z "$keep_archive" ] || drain
    step "Database"
    delete_database "${snapshot:+$name-final-$(date -u +%Y%m%d-%H%M%S)}"
    step "Protection and images"
    drop_protection
    remove_unrecorded
    step "Everything that Terraform made"
    destroy_with_terraform
  fi
  step "What others made"
  remove_leftovers
  [ -n "$keep_archive" ] || delete_archive
  is_key_needed || delete_key
  end_step
}

parse "$@"
begin "Run it again to go on from here."
preflight
if is_anything_there; then
  announce
  confirm "This cannot be undone." "$name"
  destroy
else
  say "Nothing is deployed as $name in $AWS_REGION."
fi
show_what_remains
