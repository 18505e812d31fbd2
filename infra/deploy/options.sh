# shellcheck shell=bash
# The options that deploy.sh and destroy.sh share, and what follows from them.

name=payment-analytics profile='' region='' state='' yes=''

common_options() {
  cat <<'END'
  --region REGION      AWS region (else AWS_REGION, or the profile's)
  --profile PROFILE    profile of the AWS command line (else AWS_PROFILE, or credentials in the environment)
  --name NAME          beginning of every resource's name, 2 to 20 lower case letters, digits and dashes
                       (payment-analytics)
  --state s3|local     where Terraform's state is: in a bucket of the account (s3), or in infra/ on this machine
  --yes                ask nothing
  --help               show this
END
}

# Consumes one option of the common ones; `shifted` says how many words it took, 0 if it is none of them.
common_option() {
  shifted=2
  case $1 in
    --region) region=$(value_of "$@") ;;
    --profile) profile=$(value_of "$@") ;;
    --name) name=$(value_of "$@") ;;
    --state) state=$(value_of "$@") ;;
    --yes) yes=1 shifted=1 ;;
    -h | --help) usage && exit ;;
    *) shifted=0 ;;
  esac
}

check_common_options() {
  [[ $name =~ ^[a-z][a-z0-9-]{0,18}[a-z0-9]$ && $name != *--* ]] \
    || usage_error "--name $name: 2 to 20 lower case letters, digits and single dashes, a letter first and no dash last"
  case $state in '' | s3 | local) ;; *) usage_error "--state $state: s3 or local" ;; esac
}

export_aws_settings() {
  if [ -n "$profile" ]; then
    export AWS_PROFILE=$profile
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN # they would win
  fi
  AWS_REGION=${region:-${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region 2>/dev/null || true)}}}
  export AWS_REGION AWS_DEFAULT_REGION=$AWS_REGION AWS_PAGER='' AWS_DEFAULT_OUTPUT=text
}
