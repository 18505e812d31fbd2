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
  version=$(terraform_version)
  is_at_least "$version" 1 9 || fault "terraform is ${version:-of an unknown version}, and 1.9 or newer is needed"
}

terraform_version() { terraform version 2>/dev/null | sed -n '1s/^Terraform v//p'; }

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

# Questions to AWS that need not wait for each other: asked in the background, each answer under a name.
ask() { # name, command…
  local answer=$work/answer.$1
  shift
  "$@" >"$answer" 2>/dev/null &
}

answer() { # name: nothing where AWS did not tell
  tr -d '\n' <"$work/answer.$1"
}

# What a first deployment needs, and a new account may lack.
check_capacity() { # NAT gateways, virtual CPUs
  ask zones aws ec2 describe-availability-zones --query 'length(AvailabilityZones)'
  ask vpcs aws ec2 describe-vpcs --query 'length(Vpcs)'
  ask addresses aws ec2 describe-addresses --query 'length(Addresses)'
  ask_quota vpcs vpc L-F678F1CE
  ask_quota addresses ec2 L-0263D0A3
  ask_quota cpus fargate L-3032A538
  wait
  [ "$(answer zones)" != 1 ] || fault "$AWS_REGION has one availability zone for this account, and two are needed"
  check_quota "VPCs" vpcs 1 "$(answer vpcs)"
  check_quota "Elastic IP addresses" addresses "$1" "$(answer addresses)"
  check_quota "virtual CPUs of Fargate" cpus "$2" 0
}

ask_quota() { # name, service, quota code
  ask "quota.$1" aws service-quotas get-service-quota --service-code "$2" --quota-code "$3" --query Quota.Value
}

check_quota() { # what, name, how many are needed, how many are in use; who may not ask is not stopped
  local quota
  quota=$(answer "quota.$2")
  quota=${quota%.*}
  [[ $quota =~ ^[0-9]+$ && $4 =~ ^[0-9]+$ ]] || return 0
  [ $(($3 + $4)) -le "$quota" ] \
    || fault "$1: $3 more are needed and $4 of $quota in use; ask for more in Service Quotas"
}

# In the sandbox SES sends, but little and only to verified addresses: a note and no fault.
note_mail_sandbox() {
  local most
  most=$(aws ses get-send-quota --query Max24HourSend 2>/dev/null) || return 0
  [ "${most%.*}" -gt 200 ] 2>/dev/null \
    || say "   Note: SES is in its sandbox here: ${most%.*} e-mails a day, and to verified addresses alone."
}

note_unverified_sender() { # address
  local status
  status=$(aws ses get-identity-verification-attributes --identities "$1" \
    --query 'VerificationAttributes.*.VerificationStatus' 2>/dev/null) || return 0
  [ "$status" = Success ] || say "Note: SES has mailed a link to $1, and sends no alerts before it is opened."
}
