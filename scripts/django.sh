#!/bin/sh
# The Python of the tests that put Django on our databases: one that has Django
# and psycopg2.
#
#   scripts/django.sh find      prints the program's path
#   scripts/django.sh install   the same; where there is none, root gets both from
#                               the distribution's packages first
set -eu

say() { printf 'django.sh: %s\n' "$*" >&2; }

die() {
	say "$@"
	exit 1
}

# find_program prefers the Python on PATH, which somebody chose; the
# distribution's packages are for its own.
find_program() {
	for name in python3 /usr/bin/python3; do
		if path=$(command -v "$name") && (cd / && "$path" -c 'import django, psycopg2') >/dev/null 2>&1; then
			printf '%s\n' "$path"
			return
		fi
	done
	return 1
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq "$@" </dev/null >&2; }

install_program() {
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "no Python with Django and psycopg2 found; install them (Debian: sudo apt-get install python3-django python3-psycopg2)"
	fi
	say "no Django found: installing it from the distribution's packages"
	apt update || say "apt-get update failed; trying with the package lists that are there"
	apt install -y --no-install-recommends python3-django python3-psycopg2 || die "apt-get could not install python3-django"
}

case "${1-} $#" in
'find 1')
	find_program || die "no Django found: run \`make django\`"
	;;
'install 1')
	find_program || {
		install_program
		find_program || die "the distribution's Django does not start"
	}
	;;
*)
	sed -n '/^#   /s/^#   //p' "$0" >&2
	exit 2
	;;
esac
