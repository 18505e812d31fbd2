#!/usr/bin/env bash
# Deploys the system to AWS, or brings a deployment up to date.
usage() {
  cat <<'END'
usage: ./deploy.sh [OPTION…]

Checks what it needs, builds and pushes the images, applies infra/ with Terraform, migrates the database, waits until
the services are stable, sends one transaction through, and prints the URL and the API key. Safe to run again at any
time: what is there stays, and what a failed or interrupted run left undone is done.

  --plan               only show what would change, and change nothing
  --size SIZE          production (two of everything in two zones) or development (one, cheaper); else as it was
  --alert-sender A     where the alerts come from; SES mails a link there once (else ALERT_SENDER)
  --alert-recipients A[,B…]  who is told of anomalies (else ALERT_RECIPIENTS)
  --rotate-key         make a new API key in the place of the first one, print it, and keep it nowhere
END
  common_options
  cat <<'END'

It needs the AWS command line, terraform 1.10 or newer, docker with buildx, and curl. Everything else that can be set
is described in infra/*.tf and goes into infra/terraform.tfvars.

  ./deploy.sh --alert-sender alerts@example.com --alert-recipients fraud@example.com --size development
  ./deploy.sh --plan --profile staging --region eu-west-1
  ./deploy.sh --yes                                    # in CI; the settings are those of the last time
  ./deploy.sh --rotate-key

Exit codes: 0, 1 where something failed, 2 for wrong options and for what the checks at the start find, 130 if
interrupted.
END
}
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=infra/deploy/common.sh
source "$root/infra/deploy/common.sh"

plan='' rotate='' size='' sender=${ALERT_SENDER:-} recipients=${ALERT_RECIPIENTS:-}

parse() {
  while [ $# -gt 0 ]; do
    common_option "$@"
    if [ "$shifted" -gt 0 ]; then shift "$shifted" && continue; fi
    shifted=2
    case $1 in
      --plan) plan=1 shifted=1 ;;
      --rotate-key) rotate=1 shifted=1 ;;
      --size) size=$(value_of "$@") ;;
      --alert-sender) sender=$(value_of "$@") ;;
      --alert-recipients) recipients=$(value_of "$@") ;;
      *) usage_error "unknown option: $1" ;;
    esac
    shift "$shifted"
  done
  check_common_options
  case $size in '' | development | production) ;; *) usage_error "--size $size: development or production" ;; esac
  [ -z "$plan" ] || [ -z "$rotate" ] || usage_error "--plan and --rotate-key exclude each other"
}

preflight() {
  step "Preflight"
  check_tool aws "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
  check_terraform
  check_tool curl "it comes with every system's packages"
  [ -n "$plan$rotate" ] || check_docker
  export_aws_settings
  check_account
  choose_state
  check_addresses "$sender" "$recipients"
  [ -n "$plan$rotate" ] || [ -z "$account" ] || check_state_bucket
  look_at_the_state
  [ -n "$rotate" ] || check_settings
  report_faults
  say "   account $account, region $AWS_REGION, name $name, state: $(where_state_is)"
  note_mail_sandbox
}

check_settings() {
  settle_mail "$sender" "$recipients"
  settle_size "$size"
  if is_deployed || [ -n "$faults" ]; then return; fi
  if [ "$size" = development ]; then check_capacity 1 1; else check_capacity 2 4; fi
}

set_vars() {
  local architecture
  architecture=$(architecture)
  producer_tag=$(content_tag producer "$architecture")
  consumer_tag=$(content_tag consumer "$architecture")
  set_var name "$name"
  set_var region "$AWS_REGION"
  set_var cpu_architecture "$architecture"
  set_var producer_tag "$producer_tag"
  set_var consumer_tag "$consumer_tag"
  set_var before_services ./before_services.sh # terraform runs in infra/
}

show_results() { # API key or nothing
  echo "api_gateway_url = $(output api_gateway_url)"
  if [ -n "$1" ]; then
    echo "api_gateway_api_key = $1"
  else
    say "api_gateway_api_key: rotated, and kept nowhere. ./deploy.sh --rotate-key makes a new one."
  fi
}

rotate_key() {
  local key
  is_deployed || die "$name is not deployed in $AWS_REGION"
  step "New API key"
  run_tool keys keys rotate deploy --to-secret "$name/api-key"
  key=$(api_key)
  [ -n "$key" ] || die "the new key is not in the secret $name/api-key"
  resume_hint="The key is rotated all the same: the new one is in the secret $name/api-key."
  verify "$key"
  show_results "$key"
  forget_api_key
  say "This is the only time it is shown. The key before it works for 24 hours more."
}

deploy() {
  local key
  prepare_state
  push_images
  apply
  step "Stable services"
  wait_until_stable
  key=$(api_key)
  verify "${key:-${COLLECTOR_API_KEY:-}}"
  say "" "Deployed in $(duration "$SECONDS"). Dashboard: $(output dashboard_url)"
  note_unverified_sender "$(output alert_sender)"
  show_results "$key"
}

parse "$@"
begin "Run it again to go on from here."
preflight
[ -n "$rotate" ] || set_vars
if [ -n "$plan" ]; then
  show_plan
elif [ -n "$rotate" ]; then
  rotate_key
else
  deploy
fi
