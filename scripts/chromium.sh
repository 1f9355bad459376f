#!/bin/sh
# The browser of the tests that look at pages: Chromium as the machine has it.
#
#   scripts/chromium.sh find      prints the program's path
#   scripts/chromium.sh install   the same; where there is none, root gets it from
#                                 the distribution's packages first
set -eu

names='chromium chromium-browser google-chrome google-chrome-stable'

say() { printf 'chromium.sh: %s\n' "$*" >&2; }

die() {
	say "$@"
	exit 1
}

# find_program prints the first that starts: on Ubuntu the name is there for a
# package that may not be.
find_program() {
	for name in $names; do
		if path=$(command -v "$name") && "$path" --version >/dev/null 2>&1; then
			printf '%s\n' "$path"
			return
		fi
	done
	return 1
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq "$@" </dev/null >&2; }

install_program() {
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "no browser found; install Chromium (Debian: sudo apt-get install chromium) or Google Chrome"
	fi
	say "no browser found: installing Chromium from the distribution's packages"
	apt update || say "apt-get update failed; trying with the package lists that are there"
	# Without a font a page has no text to look at.
	apt install -y --no-install-recommends chromium fonts-dejavu-core || die "apt-get could not install chromium"
}

case "${1-} $#" in
'find 1')
	find_program || die "no browser found: run \`make browser\`"
	;;
'install 1')
	find_program || {
		install_program
		find_program || die "the distribution's Chromium does not start; install Google Chrome"
	}
	;;
*)
	sed -n '/^#   /s/^#   //p' "$0" >&2
	exit 2
	;;
esac
