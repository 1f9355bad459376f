#!/bin/sh
# A throw-away PostgreSQL server for tests: a fresh cluster in a folder of its
# own, on a socket in that folder, listening nowhere else. It never touches a
# server that was there before.
#
#   scripts/postgres.sh start        starts one and prints its URL
#   scripts/postgres.sh stop [URL]   takes exactly that one down and removes it
#   scripts/postgres.sh run CMD…     starts one, runs CMD with its URL in
#                                    TENANTRY_TEST_POSTGRES, stops it whatever
#                                    happens, and exits as CMD did; a server that
#                                    TENANTRY_TEST_POSTGRES already names is used
set -eu

oldest=15                              # the first PostgreSQL that we support
name=tenantry-postgres                 # what our folders are called
marker=made-by-tenantry-scripts-postgres # the file that says a folder is ours
port=5432                              # of the socket's name; nothing listens on TCP
socket_limit=107                       # bytes of a socket's path, from sockaddr_un

say() { printf 'postgres.sh: %s\n' "$*" >&2; }

die() {
	say "$@"
	exit 1
}

# The program's folder

version_of() { "$1/initdb" --version 2>/dev/null | sed -n 's/^initdb (PostgreSQL) \([0-9]*\).*/\1/p'; }

# find_programs prints the folder of a usable initdb: the one on PATH, else the
# newest where distributions put them. Debian's are not on PATH.
find_programs() {
	found=
	found_version=0
	if on_path=$(command -v initdb); then
		set -- "${on_path%/*}"
	else
		set --
	fi
	for folder in "$@" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
		[ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ] || continue
		version=$(version_of "$folder")
		[ "${version:-0}" -ge "$oldest" ] || continue
		if [ "$folder" = "${1-}" ]; then
			printf '%s\n' "$folder"
			return
		fi
		if [ "$version" -gt "$found_version" ]; then
			found=$folder
			found_version=$version
		fi
	done
	[ -n "$found" ] && printf '%s\n' "$found"
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq "$@" </dev/null >&2; }

install_programs() {
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "no initdb of PostgreSQL $oldest or newer found; install it (Debian, Ubuntu: sudo apt-get install postgresql) or set TENANTRY_TEST_POSTGRES to a server's URL"
	fi
	say "no initdb found: installing PostgreSQL from the distribution's packages"
	apt update || say "apt-get update failed; trying with the package lists that are there"
	# Installing the server makes Debian create and start a cluster on port
	# 5432, unless its configuration says not to. That file is ours to change
	# only when the package that brings it is.
	if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		apt install -y --no-install-recommends postgresql-common || die "apt-get could not install postgresql-common"
		printf '\n# Set when scripts/postgres.sh installed PostgreSQL for tests.\ncreate_main_cluster = false\n' \
			>>/etc/postgresql-common/createcluster.conf
	fi
	apt install -y --no-install-recommends postgresql || die "apt-get could not install postgresql"
}

# The unprivileged user

# PostgreSQL refuses to run as root.
unprivileged() {
	if [ "$(id -u)" != 0 ]; then
		id -u
	elif id -u postgres >/dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}

# as_user runs a command as that user, in a folder that it may read and without
# the caller's settings for other servers.
as_user() {
	(
		cd /
		unset PGDATA PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGOPTIONS PGSERVICE
		if [ "$(id -u)" != 0 ]; then
			exec "$@"
		elif command -v runuser >/dev/null; then
			exec runuser -u "$user" -- "$@"
		fi
		exec setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups "$@"
	)
}

# The folder

# place tells this machine and container from others that see the same folders:
# process ids mean nothing across them.
place() { printf '%s %s\n' "$(uname -n)" "$(readlink /proc/self/ns/pid 2>/dev/null || true)"; }

alive() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }

# base_folder prints where to make our folder: TMPDIR, unless a socket's path or
# a URL could not carry it or the unprivileged user cannot get there.
base_folder() {
	base=${TMPDIR:-/tmp}
	case $base in
	/*) ;;
	*) base=$PWD/$base ;;
	esac
	socket=$base/$name.XXXXXX/.s.PGSQL.$port
	case $base in *[!A-Za-z0-9/._\ -]*) base=/tmp ;; esac
	[ "$(printf %s "$socket" | wc -c)" -le "$socket_limit" ] || base=/tmp
	as_user test -x "$base" || base=/tmp
	printf '%s\n' "$base"
}

# remove_stale removes what killed runs left: folders with our own marker whose
# server and maker are both dead. A folder whose maker lives may be one that a
# parallel run is just filling.
remove_stale() {
	for left in "$1/$name".*; do
		[ -n "$(find "$left/$marker" -prune -type f -user "$(id -u)" 2>/dev/null)" ] || continue
		{
			read -r maker
			read -r where
		} <"$left/$marker" || continue
		[ "$where" = "$(place)" ] || continue
		server=$(sed -n 1p "$left/data/postmaster.pid" 2>/dev/null || true)
		if ! alive "$maker" && ! alive "$server"; then
			rm -rf "$left"
		fi
	done
}

# Starting and stopping

folder=

start() {
	programs=$(find_programs) || {
		install_programs
		programs=$(find_programs) ||
			die "the distribution's PostgreSQL is older than $oldest; install a newer one (https://wiki.postgresql.org/wiki/Apt) or set TENANTRY_TEST_POSTGRES to a server's URL"
	}
	user=$(unprivileged)
	base=$(base_folder)
	remove_stale "$base"

	folder=$(mktemp -d "$base/$name.XXXXXX")
	{
		echo $$
		place
	} >"$folder/$marker"
	[ "$(id -u)" != 0 ] || chown "$user" "$folder"
	as_user "$programs/initdb" -D "$folder/data" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync \
		>"$folder/initdb.log" 2>&1 || fail "$folder/initdb.log" "initdb failed"
	as_user tee -a "$folder/data/postgresql.conf" >/dev/null <<-END
		listen_addresses = ''
		port = $port
		unix_socket_directories = '$folder'
		max_connections = 300
		# The data dies with the run: nothing needs to survive a power cut.
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		wal_level = minimal
		max_wal_senders = 0
	END
	as_user "$programs/pg_ctl" -D "$folder/data" -l "$folder/data/server.log" -s -w -t 60 start </dev/null >/dev/null ||
		fail "$folder/data/server.log" "the server did not start"
	url="postgres:///postgres?host=$(printf %s "$folder" | sed 's/ /%20/g')&port=$port&user=postgres"
}

fail() {
	tail -n 20 "$1" >&2 || true
	die "$2"
}

# stop takes down and removes the cluster in a folder, which must be ours.
stop() {
	[ -f "$1/$marker" ] || die "$1 is not a folder that this script made"
	if [ -f "$1/data/postmaster.pid" ]; then
		user=$(ls -ld "$1" | awk '{print $3}') # who started it, not who would today
		programs=$(find_programs) || die "PostgreSQL's programs are gone"
		as_user "$programs/pg_ctl" -D "$1/data" -s -w -m immediate stop </dev/null >/dev/null || say "the server in $1 was gone already"
	fi
	rm -rf "$1"
}

watcher=

cleanup() {
	code=$?
	trap - EXIT
	trap '' INT TERM HUP
	[ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
	[ -z "$folder" ] || [ ! -e "$folder" ] || stop "$folder"
	exit "$code"
}

clean_up_on_exit() {
	trap cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# watch outlives this script when it is killed in a way that nothing can catch,
# and stops the server then.
watch() {
	(
		trap - EXIT
		trap '' INT HUP
		trap 'exit 0' TERM
		while alive $$; do sleep 3; done
		stop "$folder"
	) </dev/null >/dev/null 2>&1 &
	watcher=$!
}

usage() {
	sed -n '/^#   /s/^#   //p' "$0" >&2
	exit 2
}

case ${1-} in
start)
	[ $# = 1 ] || usage
	clean_up_on_exit
	start
	trap - EXIT HUP INT TERM
	printf '%s\n' "$url"
	;;
stop)
	[ $# -le 2 ] || usage
	url=${2:-${TENANTRY_TEST_POSTGRES:-}}
	folder=$(printf '%s\n' "$url" | sed -n 's/^.*[?&]host=\([^&]*\).*$/\1/p' | sed 's/%20/ /g')
	[ -n "$folder" ] || die "stop needs the URL that start printed"
	stop "$folder"
	;;
run)
	shift
	[ $# -gt 0 ] || usage
	if [ -z "${TENANTRY_TEST_POSTGRES:-}" ]; then
		clean_up_on_exit
		start
		watch
		export TENANTRY_TEST_POSTGRES="$url"
		# Not exec: the server must be stopped afterwards. The command stays in
		# the foreground, so that an interrupt from the terminal reaches it.
		"$@"
		exit
	fi
	exec "$@"
	;;
*)
	usage
	;;
esac
