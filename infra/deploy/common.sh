# shellcheck shell=bash
# Everything that deploy.sh and destroy.sh are made of. `root` is the checkout.

account='' # of AWS; the preflight finds it
found_state='' producer_tag='' consumer_tag=''

# shellcheck source=infra/deploy/speech.sh
source "$root/infra/deploy/speech.sh"
# shellcheck source=infra/deploy/options.sh
source "$root/infra/deploy/options.sh"
# shellcheck source=infra/deploy/preflight.sh
source "$root/infra/deploy/preflight.sh"
# shellcheck source=infra/deploy/state.sh
source "$root/infra/deploy/state.sh"
# shellcheck source=infra/deploy/settings.sh
source "$root/infra/deploy/settings.sh"
# shellcheck source=infra/deploy/images.sh
source "$root/infra/deploy/images.sh"
# shellcheck source=infra/deploy/kept.sh
source "$root/infra/deploy/kept.sh"
# shellcheck source=infra/deploy/apply.sh
source "$root/infra/deploy/apply.sh"
# shellcheck source=infra/deploy/services.sh
source "$root/infra/deploy/services.sh"
# shellcheck source=infra/deploy/removal.sh
source "$root/infra/deploy/removal.sh"
