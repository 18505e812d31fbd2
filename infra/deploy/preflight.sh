# shellcheck shell=bash
# What has to be right before anything is changed. Every fault is told at once.

faults=''

fault() { faults="$faults  - $*"$'\n'; }

report_faults() {
  [ -n "$faults" ] || return 0
  say "Nothing was changed. To be mended first:" "${faults%$'\n'}"
  exit $USAGE
}

has() { command -v "$1" >/dev/null 2>&1; }

check_tool() { # name, where to get it
  has "$1" || fault "$1 is not installed: $2"
}

check_terraform() {
  local version
  check_tool terraform "https://developer.hashicorp.com/terraform/install"
  has terraform || return 0
  version=$(terraform version 2>/dev/null | sed -n '1s/^Terraform v//p')
  is_at_least "$version" 1 9 || fault "terraform is ${version:-of an unknown version}, and 1.9 or newer is needed"
}

is_at_least() { # version, major, minor
  local major minor
  IFS=. read -r major minor _ <<<"$1"
  [[ ${major:-0} =~ ^[0-9]+$ && ${minor:-0} =~ ^[0-9]+$ ]] || return 1
  [ "$major" -gt "$2" ] || { [ "$major" = "$2" ] && [ "$minor" -ge "$3" ]; }
}

check_docker() {
  check_tool docker "https://docs.docker.com/get-docker/"
  has docker || return 0
  docker info >/dev/null 2>&1 || fault "docker does not answer: start it (docker info says why)"
  docker buildx version >/dev/null 2>&1 || fault "docker has no buildx: https://docs.docker.com/build/install-buildx/"
}

# Sets `account`; empty where AWS did not tell.
check_account() {
  account=''
  has aws || return 0
  if [ -z "$AWS_REGION" ]; then
    fault "no region: give --region, or set AWS_REGION"
  elif ! account=$(aws sts get-caller-identity --query Account 2>"$work/sts"); then
    account=''
    fault "the AWS credentials do not work in $AWS_REGION: $(tail -n 1 "$work/sts")"
  fi
}

check_zones() {
  local zones
  [ -n "$account" ] || return 0
  zones=$(aws ec2 describe-availability-zones --query 'length(AvailabilityZones)' 2>/dev/null) || return 0
  [ "$zones" -ge 2 ] || fault "$AWS_REGION has $zones availability zones for this account, and two are needed"
}

# What a first deployment needs and a new account may lack. Who may not ask is not stopped.
check_quotas() { # NAT gateways, virtual CPUs
  [ -n "$account" ] || return 0
  check_quota "VPCs" vpc L-F678F1CE 1 "$(aws ec2 describe-vpcs --query 'length(Vpcs)' 2>/dev/null)"
  check_quota "Elastic IP addresses" ec2 L-0263D0A3 "$1" "$(aws ec2 describe-addresses --query 'length(Addresses)' 2>/dev/null)"
  check_quota "Fargate's virtual CPUs" fargate L-3032A538 "$2" 0
}

check_quota() { # what, service, quota code, how many are needed, how many are in use
  local quota
  quota=$(aws service-quotas get-service-quota --service-code "$2" --quota-code "$3" --query Quota.Value 2>/dev/null) || return 0
  quota=${quota%.*}
  [[ $quota =~ ^[0-9]+$ && $5 =~ ^[0-9]+$ ]] || return 0
  [ $(($5 + $4)) -le "$quota" ] \
    || fault "$1: $4 more are needed, $5 of $quota are in use: ask for more in Service Quotas ($2, $3)"
}

# In the sandbox SES sends, but little and only to verified addresses: a note and no fault.
note_mail_sandbox() {
  local most
  most=$(aws ses get-send-quota --query Max24HourSend 2>/dev/null) || return 0
  [ "${most%.*}" -gt 200 ] 2>/dev/null \
    || say "Note: SES is in its sandbox here: ${most%.*} e-mails a day, and only to verified addresses. Ask AWS for production access."
}
