# shellcheck shell=bash
# Plan and apply.

show_plan() {
  local color=()
  step "Plan"
  adopt_what_was_kept
  [ -t 1 ] || color=(-no-color)
  tf plan -input=false -lock=false ${color[@]+"${color[@]}"} "${vars[@]}"
  rm -f "$root/$ADOPTING"
  end_step
}

apply() {
  local changes=0
  step "Infrastructure, migration, services"
  plan || changes=$?
  case $changes in
    0) say "   no changes" ;;
    2) check_losses && carry_out_plan ;;
    *) return 1 ;;
  esac
  rm -f "$root/$ADOPTING"
  read_outputs
}

# Into $work/plan. 0: nothing to change, 2: something, 1: it failed, and the errors were shown.
plan() { # option of terraform plan…
  local code=0
  tf plan "$@" -input=false -no-color -detailed-exitcode -out="$work/plan" "${vars[@]}" \
    >"$work/plan.log" 2>&1 || code=$?
  if [ "$code" = 1 ]; then sed -n '/^Error: /,$p' "$work/plan.log" >&2; fi
  if grep -q 'Error acquiring the state lock' "$work/plan.log"; then
    say "Another run is under way, or one was killed. In that case: terraform -chdir=infra force-unlock ID"
  fi
  sed -n 's/^Plan:/   &/p' "$work/plan.log" >&2
  return "$code"
}

# What is done shows as it is done.
carry_out_plan() { tf apply -input=false -no-color "$work/plan" >&2; }

check_losses() {
  local losses data='aws_(db_instance|kinesis_stream|kms_key|s3_bucket)\.'
  losses=$(grep -E "^  # $data.* (must be replaced|will be replaced|will be destroyed)" "$work/plan.log" || true)
  [ -z "$losses" ] || confirm "This destroys data:"$'\n'"$losses"$'\n' "$name"
}
