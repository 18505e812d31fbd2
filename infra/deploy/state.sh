# shellcheck shell=bash
# Terraform, where its state is, and what the state remembers.

tf() { terraform -chdir="$root/infra" "$@"; }

name_state() {
  state_bucket=payment-analytics-state-$account-$AWS_REGION
  state_key=$name/terraform.tfstate
  local_state=$account-$AWS_REGION-$name.tfstate # in infra/
}

# Stays with the place where a state is already; two states of one deployment would fight. Sets `found_state`.
choose_state() {
  local here='' there=''
  found_state=''
  [ -n "$account" ] || return 0
  name_state
  [ ! -s "$root/infra/$local_state" ] || here=1
  ! aws s3api head-object --bucket "$state_bucket" --key "$state_key" >/dev/null 2>&1 || there=1
  case $state in
    local) [ -z "$there" ] || fault "the state of $name is in s3://$state_bucket: leave out --state local" ;;
    s3) [ -z "$here" ] || fault "the state of $name is in infra/$local_state: leave out --state s3" ;;
    *) if [ -n "$here" ] && [ -z "$there" ]; then state=local; else state=s3; fi ;;
  esac
  found_state=$here$there
  [ "$state" = local ] || is_at_least "$(terraform_version)" 1 10 \
    || fault "terraform 1.10 or newer is needed for a state in S3 (its lock); with --state local 1.9 will do"
}

# A bucket that is missing is made, by whoever agrees.
check_state_bucket() {
  if [ "$state" != s3 ] || [ -n "$found_state$yes" ] || [ -t 0 ] || bucket_exists "$state_bucket"; then return; fi
  fault "the bucket of Terraform's state, $state_bucket, is not there: --yes makes it, --state local does without"
}

make_state_bucket() {
  if ! bucket_exists "$state_bucket"; then
    confirm "Terraform's state needs a bucket: $state_bucket, private, versioned, for some cents." yes
    if [ "$AWS_REGION" = us-east-1 ]; then
      quietly aws s3api create-bucket --bucket "$state_bucket"
    else
      quietly aws s3api create-bucket --bucket "$state_bucket" \
        --create-bucket-configuration "LocationConstraint=$AWS_REGION"
    fi
    say "   made the bucket $state_bucket"
  fi
  # Also where it is there: an earlier run may have been interrupted here.
  aws s3api put-bucket-versioning --bucket "$state_bucket" --versioning-configuration Status=Enabled
  aws s3api put-public-access-block --bucket "$state_bucket" --public-access-block-configuration \
    BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
}

write_backend() { # s3 | local | a folder: a state that is empty and goes away with it
  local file="$root/infra/backend.tf"
  printf '# Where the state is. Written by deploy.sh at each run; not for version control.\nterraform {\n' >"$file"
  case $1 in
    s3) s3_backend ;;
    local) printf '  backend "local" {\n    path = "%s"\n  }\n' "$local_state" ;;
    *) printf '  backend "local" {\n    path = "%s/terraform.tfstate"\n  }\n' "$1" ;;
  esac >>"$file"
  echo '}' >>"$file"
}

s3_backend() {
  local path_style=false
  # An endpoint of one's own has no name for each bucket.
  [ -z "${AWS_ENDPOINT_URL_S3:-${AWS_ENDPOINT_URL:-}}" ] || path_style=true
  cat <<END
  backend "s3" {
    bucket         = "$state_bucket"
    key            = "$state_key"
    region         = "$AWS_REGION"
    encrypt        = true
    use_lockfile   = true
    use_path_style = $path_style
  }
END
}

init_terraform() { # as write_backend
  write_backend "$1"
  quietly tf init -reconfigure -input=false -no-color -lockfile=readonly
}

# What the last apply told, in $work/outputs.json; empty where there was none.
read_outputs() { tf output -json -no-color >"$work/outputs.json"; }

output() { # name of an output that is a text
  [ -s "$work/outputs.json" ] || return 0
  awk -v key="  \"$1\": {" '
    $0 == key { found = 1; next }
    found && /^    "value": "/ { sub(/^    "value": "/, ""); sub(/",?$/, ""); print; exit }
    found && /^  }/ { exit }' "$work/outputs.json"
}

is_deployed() { [ -n "$(output cluster)" ]; }

where_state_is() {
  if [ "$state" = s3 ]; then echo "s3://$state_bucket/$state_key"; else echo "infra/$local_state"; fi
}

# Reads only: where there is none yet, an empty one that goes away with this run.
look_at_the_state() {
  [ -n "$account" ] && has terraform || return 0
  if [ -n "$found_state" ]; then init_terraform "$state"; else init_terraform "$work"; fi
  read_outputs
}

prepare_state() {
  step "State"
  if [ -z "$found_state" ]; then
    [ "$state" = local ] || make_state_bucket
    init_terraform "$state"
  fi
  adopt_what_was_kept
  keep_what_was_interrupted
  remove_unrecorded
}

# Terraform would make anew what it was interrupted in making. But AWS went on with it, and these hold data or are
# protected: they are taken as they are.
keep_what_was_interrupted() {
  local address types='db_instance|kinesis_stream|kms_key|lb|s3_bucket'
  tf state pull 2>/dev/null | grep '"status": "tainted"' >/dev/null || return 0
  tf show -no-color 2>/dev/null | sed -nE "s/^# (aws_($types)\\..*): \\(tainted\\)\$/\\1/p" \
    | while IFS= read -r address; do
      say "   $address is there, and not made anew"
      quietly tf untaint "$address"
      [ "${address%%.*}" != aws_db_instance ] || aws rds wait db-instance-available --db-instance-identifier "$name"
    done
}

# Terraform, interrupted while AWS was answering, has not written down what AWS made all the same. These cost money by
# the hour or stand in the way of the next one, and hold nothing. What stands in another's VPC is another's, and AWS
# releases no address that is in use.
remove_unrecorded() {
  local id tagged="Name=tag:Project,Values=$name"
  [ -n "$found_state" ] || return 0
  tf state pull >"$work/state.json"
  unrecorded aws elbv2 describe-load-balancers --names "$name" --query 'LoadBalancers[].[LoadBalancerArn, VpcId]' \
    | while IFS= read -r id; do remove "$id" aws elbv2 delete-load-balancer --load-balancer-arn "$id"; done
  unrecorded aws ec2 describe-vpc-endpoints --filters "$tagged" --query 'VpcEndpoints[].[VpcEndpointId, VpcId]' \
    | while IFS= read -r id; do remove "$id" aws ec2 delete-vpc-endpoints --vpc-endpoint-ids "$id"; done
  unrecorded aws ec2 describe-nat-gateways --filter "$tagged" Name=state,Values=pending,available \
    --query 'NatGateways[].[NatGatewayId, VpcId]' | while IFS= read -r id; do
    remove "$id" aws ec2 delete-nat-gateway --nat-gateway-id "$id"
    aws ec2 wait nat-gateway-deleted --nat-gateway-ids "$id"
  done
  unrecorded aws ec2 describe-addresses --filters "$tagged" --query 'Addresses[].[AllocationId]' \
    | while IFS= read -r id; do remove "$id" aws ec2 release-address --allocation-id "$id"; done
}

unrecorded() { # command that tells ids, and their VPCs; it fails where there are none
  local id vpc
  { "$@" --output text 2>/dev/null || true; } | while read -r id vpc; do
    if [ -z "$id" ] || is_recorded "$id"; then continue; fi
    if [ -z "$vpc" ] || is_recorded "$vpc"; then echo "$id"; fi
  done
}

is_recorded() { grep -qF "\"id\": \"$1\"" "$work/state.json"; } # its id alone: routes name their gateways too

remove() { # what, command…: fails where it is not there, which is as well
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then say "   removed: $what"; fi
}
