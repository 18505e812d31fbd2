# shellcheck shell=bash
# The images, tagged by what goes into them: the same content gives the same tag, wherever and whenever it is built.

readonly CA_BUNDLE=https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem

# Fargate runs what this engine builds without emulating: ARM64 or X86_64.
architecture() {
  local machine
  machine=${TF_VAR_cpu_architecture:-$(docker version --format '{{.Server.Arch}}' 2>/dev/null || uname -m)}
  case $machine in ARM64 | arm64 | aarch64) echo ARM64 ;; *) echo X86_64 ;; esac
}

platform() { if [ "$1" = ARM64 ]; then echo linux/arm64; else echo linux/amd64; fi; }

sha256() { if has sha256sum; then sha256sum; else shasum -a 256; fi | cut -c 1-64; }

content_tag() { # service, architecture
  local sum
  sum=$(cd "$root" && { echo "$2"; contents "$1"; } | sha256)
  echo "${sum:0:16}"
}

contents() { # service: each file's name and checksum
  local file
  find "$1" api_keys .dockerignore -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | while IFS= read -r file; do
    echo "$file $(sha256 <"$file")"
  done
}

is_pushed() { # service, tag
  aws ecr describe-images --repository-name "$name/$1" --image-ids "imageTag=$2" >/dev/null 2>&1
}

are_pushed() { is_pushed producer "$producer_tag" && is_pushed consumer "$consumer_tag"; }

push_images() {
  step "Images"
  if are_pushed; then
    say "   producer:$producer_tag and consumer:$consumer_tag are there"
    return
  fi
  quietly tf apply -auto-approve -input=false -no-color -target=aws_ecr_repository.this "${vars[@]}"
  build_and_push producer "$producer_tag" "$(architecture)"
  build_and_push consumer "$consumer_tag" "$(architecture)"
}

build_and_push() { # service, tag, architecture
  local registry repository
  if is_pushed "$1" "$2"; then
    say "   $name/$1:$2 is there"
    return
  fi
  repository=$(aws ecr describe-repositories --repository-names "$name/$1" --query 'repositories[0].repositoryUri')
  registry=${repository%%/*}
  say "   building $name/$1:$2 for $(platform "$3")"
  build "$1" "$3" "$repository:$2"
  say "   pushing it"
  aws ecr get-login-password | quietly docker login --username AWS --password-stdin "$registry"
  quietly docker push "$repository:$2"
  quietly docker logout "$registry"
}

build() { # service, architecture, tag
  local certificates=()
  if [ "$1" = consumer ]; then
    fetch_certificates
    certificates=(--build-context "certificates=$work/certificates")
  fi
  # Without attestations: those are images of their own in the registry, without a tag.
  quietly docker buildx build --load --provenance=false --platform "$(platform "$2")" \
    ${certificates[@]+"${certificates[@]}"} --file "$root/$1/Dockerfile" --tag "$3" "$root"
}

# What the database's certificates are verified with.
fetch_certificates() {
  local url=${RDS_CA_BUNDLE_URL:-$CA_BUNDLE}
  mkdir -p "$work/certificates"
  quietly curl --fail --silent --show-error --location --retry 3 --output "$work/certificates/bundle.pem" \
    "$url"
  chmod a+r "$work/certificates/bundle.pem"
  grep -q 'BEGIN CERTIFICATE' "$work/certificates/bundle.pem" || die "no certificates at $url"
}
