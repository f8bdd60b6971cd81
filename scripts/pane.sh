#!/usr/bin/env bash
#
# Runs one program in a pane that start.sh opened, and offers to start it again when it has ended.
#
#   pane.sh DIRECTORY PROGRAM [ARGUMENT...]
#
# Ctrl-C is for the program. SIGTERM and SIGHUP (the pane or its session is closed) are passed on to it, and once it has
# ended this script ends too, so nothing stays behind.
set -euo pipefail

# A program that was told to end, and does not, is killed after this many tenths of a second.
readonly PATIENCE=50

here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
child=
closing=
idle=

# The user's locale, or else UTF-8: the programs speak nothing else, and line editing must know.
[[ -n ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} ]] || export LC_CTYPE=C.UTF-8

end_child() {
	[[ -z $child ]] || kill "-$1" "$child" 2>/dev/null || true
}

# close_pane SIGNAL: ends this script, by way of the program where one runs.
close_pane() {
	closing=$1
	end_child "$1"
	[[ -z $idle ]] || exit 0
}

# Becomes the program. The initiator gets line editing, where there is rlwrap, with completion of the commands and of all
# words that were on its screen: names and addresses. Nothing reaches the disk: the history is kept in memory (/dev/null,
# and a negative size for read-only), and numbers not even there.
become() {
	trap - INT QUIT
	if [[ ${1##*/} == initiator ]] && command -v rlwrap >/dev/null; then
		exec rlwrap -n -i -e '' -b '()[]:,;?' -r -f "$here/initiator.words" -H /dev/null -s -100 \
			-g '^[[:space:]]*[[:digit:]]+[[:space:]]*$' "$@"
	fi
	exec "$@"
}

# Waits for the program that was told to end; not with wait, which can forget a child that ends while a signal is caught.
see_off() {
	local waited=0
	while kill -0 "$child" 2>/dev/null; do
		sleep 0.1
		((++waited <= PATIENCE)) || end_child KILL
	done
}

# Runs the program beside this shell and not in its foreground, because bash would hear no signal before it ended.
# Returns its status.
run() {
	local status=0
	become "$@" <&0 &
	child=$!
	# A signal that came before there was a child was not passed on.
	[[ -z $closing ]] || end_child "$closing"
	# Standard error is bash's own here: it would add its notice of a killed program to ours.
	wait "$child" 2>/dev/null || status=$?
	[[ -z $closing ]] || see_off
	child=
	return "$status"
}

describe() {
	local program=$1 status=$2 signal
	if ((status > 128)) && signal=$(kill -l "$status" 2>/dev/null); then
		printf '\n%s was ended by SIG%s.' "$program" "$signal"
	else
		printf '\n%s ended with status %d.' "$program" "$status"
	fi
	printf ' Enter starts it again.\n'
}

# Waits for Enter. What was typed ahead was meant for the program that is gone.
await_enter() {
	idle=yes
	[[ -z $closing ]] || exit 0
	while read -r -t 0; do
		read -r || exit 0
	done
	# Ctrl-D is not Enter, and a terminal that is gone is the end.
	until read -rs; do
		[[ -t 0 ]] || exit 0
	done
	idle=
}

# Ignored, and not caught: what see_off says of wait.
trap '' INT QUIT
trap 'close_pane TERM' TERM
trap 'close_pane HUP' HUP

cd -- "$1"
shift
terminal=$(stty -g)
while :; do
	status=0
	run "$@" || status=$?
	[[ -z $closing ]] || exit 0
	stty "$terminal" || exit 0
	describe "${1##*/}" "$status"
	await_enter
done
