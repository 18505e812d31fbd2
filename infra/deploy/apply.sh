# shellcheck shell=bash
# Plan and apply.

show_plan() {
  step "Plan"
  adopt_what_was_kept
  tf plan -input=false -lock=false "${vars[@]}"
  end_step
}

apply() {
  local changes=0
  step "Infrastructure, migration, services"
  quietly_planned || changes=$?
  case $changes in
    0) say "   no changes" ;;
    2) check_losses && tf apply -input=false -no-color "$work/plan" >&2 ;;
    *) return 1 ;;
  esac
  rm -f "$root/$ADOPTING"
  read_outputs
}

quietly_planned() { # 0: nothing to change, 2: something, 1: failed
  local code=0
  tf plan -input=false -no-color -detailed-exitcode -out="$work/plan" "${vars[@]}" >"$work/plan.log" 2>&1 || code=$?
  [ "$code" != 1 ] || cat "$work/plan.log" >&2
  grep '^Plan:' "$work/plan.log" | sed 's/^/   /' >&2 || true
  return $code
}

check_losses() {
  local losses
  losses=$(grep -E '^  # aws_(db_instance|kinesis_stream|kms_key|s3_bucket)\..* (must be replaced|will be destroyed)' "$work/plan.log" || true)
  [ -z "$losses" ] || confirm "This destroys data:"$'\n'"$losses"$'\n' "$name"
}
