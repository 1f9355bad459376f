#!/bin/sh
# The proxies of the tests that put one before the program: nginx and Caddy as
# the machine has them.
#
#   scripts/proxies.sh find      prints both programs' paths, nginx's first
#   scripts/proxies.sh install   the same; where one is missing, root gets it from
#                                the distribution's packages first
set -eu

names='nginx caddy'

say() { printf 'proxies.sh: %s\n' "$*" >&2; }

die() {
	say "$@"
	exit 1
}

# find_program prints where one is; Debian has nginx where only root looks.
find_program() {
	for path in "$(command -v "$1" || true)" "/usr/sbin/$1"; do
		if [ -x "$path" ]; then
			printf '%s\n' "$path"
			return
		fi
	done
	return 1
}

find_all() { for name in $names; do find_program "$name" || return; done; }

apt() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq "$@" </dev/null >&2; }

# The packages would start servers on ports 80 and 2019. What keeps Debian from
# it is a file that is ours to make only where nobody else has.
policy=/usr/sbin/policy-rc.d

install_program() {
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "no $1 found; install it (Debian: sudo apt-get install nginx caddy)"
	fi
	say "no $1 found: installing it from the distribution's packages"
	apt update || say "apt-get update failed; trying with the package lists that are there"
	if [ ! -e "$policy" ]; then
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	apt install -y --no-install-recommends "$1" || die "apt-get could not install $1"
}

case "${1-} $#" in
'find 1')
	find_all || die "nginx or Caddy not found: run \`make proxies\`"
	;;
'install 1')
	for name in $names; do
		find_program "$name" >/dev/null || install_program "$name"
	done
	find_all || die "the distribution's packages brought no nginx or no caddy"
	;;
*)
	sed -n '/^#   /s/^#   //p' "$0" >&2
	exit 2
	;;
esac
