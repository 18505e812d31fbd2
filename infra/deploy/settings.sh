# shellcheck shell=bash
# What Terraform is told: options first, then the user's *.tfvars, then what the deployment was told the last time.

vars=()

set_var() { vars+=(-var "$1=$2"); } # wins over every other source

is_in_tfvars() { # variable
  grep -qsE "^[[:space:]]*\"?$1\"?[[:space:]]*[=:]" "$root"/infra/terraform.tfvars "$root"/infra/terraform.tfvars.json \
    "$root"/infra/*.auto.tfvars "$root"/infra/*.auto.tfvars.json
}

# A text setting: its value from option or environment, or else the remembered one, which yields to the tfvars.
settle() { # variable, value or nothing
  local kept
  if [ -n "$2" ]; then
    set_var "$1" "$2"
  elif ! is_in_tfvars "$1" && ! printenv "TF_VAR_$1" >/dev/null; then
    kept=$(output "$1")
    [ -n "$kept" ] || return 1
    set_var "$1" "$kept"
  fi
}

settle_size() { settle size "$1" || true; } # Terraform has a default

settle_mail() { # sender, recipients separated by commas
  local recipients=$2 tfvars=infra/terraform.tfvars
  settle alert_sender "$1" \
    || fault "no sender of the alerts: give --alert-sender, or set ALERT_SENDER, or alert_sender in $tfvars"
  if [ -z "$recipients" ] && ! is_in_tfvars alert_recipients && ! printenv TF_VAR_alert_recipients >/dev/null; then
    recipients=$(output alert_recipients)
    [ -n "$recipients" ] \
      || fault "nobody to alert: give --alert-recipients, or set ALERT_RECIPIENTS, or alert_recipients in $tfvars"
  fi
  [ -z "$recipients" ] || set_var alert_recipients "$(list_of "$recipients")"
}

list_of() { # words separated by commas: a list in Terraform's language
  printf '%s' "$1" | tr -d ' \t' | sed -e 's/,,*/","/g' -e 's/^/["/' -e 's/$/"]/'
}

readonly ADDRESS='^[^@[:space:],<>]+@[^@[:space:],<>]+[.][^@[:space:],<>]+$'

check_address() { # what, address
  [[ -z $2 || $2 =~ $ADDRESS ]] || fault "$1 is no bare e-mail address: $2"
}

check_addresses() { # sender, recipients
  local address
  check_address "the sender of the alerts" "$1"
  while IFS= read -r address; do
    check_address "a recipient of the alerts" "$address"
  done < <(printf '%s' "$2" | tr -d ' \t' | tr ',' '\n')
}
