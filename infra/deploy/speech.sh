# shellcheck shell=bash
# How the scripts speak: results on stdout, everything else on stderr, each step with its duration.

readonly USAGE=2 # exit code for wrong options and for what the preflight finds

current_step=''

say() { printf '%s\n' "$@" >&2; } # lines

step() { # name: ends the step before
  end_step
  current_step=$1 step_began=$SECONDS
  say "" "== $1"
}

end_step() {
  [ -z "$current_step" ] || say "   $current_step: $(duration $((SECONDS - step_began)))"
  current_step=''
}

duration() { # seconds
  if [ "$1" -lt 60 ]; then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi
}

die() { # message
  say "error: $*"
  exit 1
}

usage_error() { # message
  say "error: $*" "" "$0 --help tells more."
  exit $USAGE
}

value_of() { # option value…: the value that follows an option
  if [ $# -lt 2 ] || [ -z "$2" ]; then usage_error "$1 needs a value"; fi
  printf '%s' "$2"
}

confirm() { # question, answer that means yes
  local answer=''
  if [ -n "$yes" ]; then return; fi
  if [ ! -t 0 ]; then
    say "$1" "There is nobody to ask: give --yes."
    exit $USAGE
  fi
  read -r -p "$1 Type $2 to go on: " answer || true
  [ "$answer" = "$2" ] || die "not confirmed; nothing was changed"
}

quietly() { # command…: its output is shown only if it fails
  local log
  log=$(mktemp "$work/log.XXXXXX")
  if "$@" >"$log" 2>&1; then return; fi
  cat "$log" >&2
  return 1
}

on_exit() { # exit code
  local code=$1
  case $code in
    0 | "$USAGE") ;;
    *) say "" "${current_step:-It} failed after $(duration $((SECONDS - ${step_began:-0}))). $resume_hint" ;;
  esac
  rm -rf "$work"
  exit "$code"
}

# Ctrl-C reaches terraform as well, which ends in good order; only then does bash run this.
begin() { # hint for whoever comes back after a failure
  work=$(mktemp -d) resume_hint=$1
  trap 'on_exit $?' EXIT
  trap 'say "" "Interrupted."; exit 130' INT TERM
}
