# shellcheck shell=bash
# What destroy.sh keeps, and how the next deployment takes it over: the archive's bucket and the key of all data.

readonly ADOPTING=infra/kept.tf # written where something is taken over, and gone after the apply

archive_bucket() { echo "$name-archive-$account-$AWS_REGION"; }

bucket_exists() { aws s3api head-bucket --bucket "$1" >/dev/null 2>&1; }

# The id of the key behind the deployment's alias, if there is one.
kept_key() {
  aws kms list-aliases --query "Aliases[?AliasName=='alias/$name'].TargetKeyId | [0]" 2>/dev/null | sed 's/^None$//'
}

adopt_what_was_kept() {
  local in_state key=''
  rm -f "$root/$ADOPTING"
  in_state=$(tf state list 2>/dev/null || true)
  is_listed aws_kms_key.this "$in_state" || key=$(kept_key)
  if [ -n "$key" ]; then
    adopt aws_kms_key.this "$key"
    is_listed aws_kms_alias.this "$in_state" || adopt aws_kms_alias.this "alias/$name"
  fi
  if ! is_listed aws_s3_bucket.archive "$in_state" && bucket_exists "$(archive_bucket)"; then
    adopt aws_s3_bucket.archive "$(archive_bucket)"
  fi
}

is_listed() { # address, list
  grep -qxF "$1" <<<"$2"
}

adopt() { # address, id
  say "   $1 is taken over: $2"
  printf 'import {\n  to = %s\n  id = "%s"\n}\n' "$1" "$2" >>"$root/$ADOPTING"
}
