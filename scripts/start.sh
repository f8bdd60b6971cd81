#!/usr/bin/env bash
#
# From a clone to a conversation in one command: installs what is missing, builds, and opens the four programs in tmux.
set -euo pipefail

root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
# shellcheck source=scripts/packages.sh
source "$root/scripts/packages.sh"

readonly SESSION=quartet
readonly DEMO_SESSION=quartet-demo

# Two users on one machine: each on an address of their own.
readonly ALICE=127.0.0.2
readonly BOB=127.0.0.3

# The status line, with the user's own prefix key, and the title of a pane.
readonly PREFIX='#{s/C-/Ctrl-/:prefix}'
readonly STATUS=" panes: $PREFIX arrow or click   leave: $PREFIX d   end: scripts/start.sh --stop#[align=right]#{?#{e|>=:#{client_width},120},#{=-40:session_path} ,}"
readonly TITLE='#{?pane_active,#[reverse],#[bold]} #{pane_title} #[default]'
# What a pane runs until the panes have their sizes and the programs begin.
readonly PLACEHOLDER=(sleep 60)

# What every layout below has room in. A smaller terminal shows a part of it.
readonly COLUMNS_MIN=80
readonly ROWS_MIN=24
# From this many columns on, announcer and discovery are side by side.
readonly COLUMNS_BESIDE=80
# How long --stop waits for programs that were told to end, in tenths of a second. Their panes kill them sooner.
readonly PATIENCE=100

# Whether a user sits at a terminal that tmux can draw on.
terminal=
# The session that is being opened, until it is complete.
opening=

usage() {
	cat <<'END'
Usage: scripts/start.sh [--demo | --stop | --help]

Opens announcer, discovery, initiator and responder in the four panes of a tmux session, with peers.txt, chat.log and
identity.key in the directory where you call it. First it installs what is missing (with apt, as root or through sudo)
and builds. Called again, it attaches to the session that runs.

  --demo   two users, Alice and Bob, in one session, on this machine alone: no network is needed; their files are in
           demo/alice and demo/bob below the directory where you call it
  --stop   ends the programs and their sessions
  --help   shows this

In the session: the tmux prefix (Ctrl-b) and an arrow, or a click, changes panes; the prefix and d leaves it running.
END
}

need_packages() {
	need_build_packages
	need tmux 'shows the four programs side by side' has_command tmux
	want rlwrap 'line editing and completion in the initiator' has_command rlwrap
}

build() {
	make --no-print-directory -C "$root" -q >/dev/null 2>&1 && return
	say 'Building.'
	make --no-print-directory -C "$root" -j"$(nproc)" || fail 'the build failed; see above.'
}

runs() {
	has_command tmux >/dev/null && tmux has-session -t "=$1" 2>/dev/null
}

# Puts the user into session $1, or says how to get there.
attach() {
	# The programs speak UTF-8. Where no locale says what the terminal speaks, tmux would show anything else as _.
	[[ -n ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} ]] || export LC_CTYPE=C.UTF-8
	if [[ -z $terminal ]]; then
		say "Session $1 is running. To see it: tmux attach -t $1"
	elif [[ -n ${TMUX:-} ]]; then
		tmux switch-client -t "=$1"
	else
		exec tmux attach-session -t "=$1"
	fi
}

# Sets `columns` and `rows` to those of the window to open: the terminal without tmux's status line.
measure_window() {
	columns=0 rows=0
	if [[ -n $terminal && -n ${TMUX:-} ]]; then
		read -r columns rows < <(tmux display-message -p '#{client_width} #{client_height}')
	elif [[ -n $terminal ]]; then
		read -r rows columns < <(stty size)
	fi
	((columns >= COLUMNS_MIN)) || columns=$COLUMNS_MIN
	((rows >= ROWS_MIN)) || rows=$ROWS_MIN
	((rows -= 1))
}

# split PANE OPTION...: divides PANE. Sets `pane` to the id of the new part.
split() {
	local from=$1
	shift
	pane=$(tmux split-window -d -t "$from" "$@" -P -F '#{pane_id}' -- "${PLACEHOLDER[@]}")
}

# launch PANE LABEL DIRECTORY PROGRAM [ARGUMENT...]: starts PROGRAM in PANE, under its title. The mark tells --stop which
# panes are ours.
#
# tmux runs a command of several words itself, so that no shell of the user's comes between. The directory travels as an
# argument, because tmux would expand a # in the directory of its -c; the /. keeps a ; from its end, where it would
# separate commands.
launch() {
	local where=$1 label=$2 directory=$3 program=$4
	shift 4
	tmux respawn-pane -k -t "$where" -- "$root/scripts/pane.sh" "$directory/." "$root/bin/$program" "$@"
	tmux select-pane -t "$where" -T "$label$program" \; set-option -p -t "$where" @quartet yes
}

# keep PANE OPTION...: PANE gets this size again whenever the window changes its own.
keep() {
	resizing+="resize-pane -t $* ; "
}

# percent PART WHOLE: rounded up, because tmux rounds down what it makes of it.
percent() {
	printf '%d%%' "$(((100 * $1 + $2 - 1) / $2))"
}

# open_session NAME: a session of one window of one pane. Sets `pane`, `columns` and `rows`. Everything is set for this
# session and window alone, and nothing relies on what the user's configuration set.
open_session() {
	local name=$1
	measure_window
	opening=$name
	resizing=
	# In one go with its creation: a configuration that destroys unattached sessions would be quicker.
	pane=$(tmux new-session -d -s "$name" -n "$name" -x "$columns" -y "$rows" -P -F '#{pane_id}' -- \
		"${PLACEHOLDER[@]}" \; set-option -t "=$name:" destroy-unattached off)
	tmux set-option -t "$pane" mouse on \; \
		set-option -t "$pane" status on \; \
		set-option -t "$pane" status-style 'fg=black,bg=cyan' \; \
		set-option -t "$pane" 'status-format[0]' "$STATUS" \; \
		set-option -w -t "$pane" automatic-rename off \; \
		set-option -w -t "$pane" remain-on-exit off \; \
		set-option -w -t "$pane" synchronize-panes off \; \
		set-option -w -t "$pane" pane-border-style default \; \
		set-option -w -t "$pane" pane-active-border-style 'fg=cyan' \; \
		set-option -w -t "$pane" pane-border-format "$TITLE" \; \
		set-option -w -t "$pane" pane-border-status top
}

# divide COLUMNS ROWS: makes the four panes of one user from `pane`, which is COLUMNS x ROWS large. Announcer and
# discovery have little to say: they get a few rows on top, side by side where that leaves both readable. The initiator
# gets the most. Sets `announcer`, `discovery`, `responder` and `initiator`.
#
# Every pane has a title line above it; that of the topmost counts as a row of the pane where it is split off.
divide() {
	local columns=$1 rows=$2 small rest heard
	discovery=$pane
	if ((columns >= COLUMNS_BESIDE)); then
		small=$(((rows + 9) / 8))
		rest=$((rows - 3 - small))
	else
		small=3
		rest=$((rows - 4 - 2 * small))
	fi
	heard=$((rest * 2 / 5))
	split "$discovery" -v -l "$((rest + 1))"
	responder=$pane
	split "$responder" -v -l "$((rest - heard))"
	initiator=$pane
	if ((columns >= COLUMNS_BESIDE)); then
		split "$discovery" -h -b -l "$((columns / 2))"
		small=$(percent "$small" "$rows")
	else
		split "$discovery" -v -b -l "$((small + 1))"
	fi
	announcer=$pane
	keep "$announcer" -y "$small"
	keep "$discovery" -y "$small"
	keep "$responder" -y "$(percent "$heard" "$rows")"
}

# launch_listeners LABEL DIRECTORY [ARGUMENT...]: starts all but the announcer in the panes that divide made. Announcers
# come last, so that everyone hears them.
launch_listeners() {
	local label=$1 directory=$2
	shift 2
	launch "$discovery" "$label" "$directory" discovery "$@"
	launch "$responder" "$label" "$directory" responder "$@"
	launch "$initiator" "$label" "$directory" initiator "$@"
}

# The session is complete: pane $1 has the cursor. tmux before 3.3 cannot run anything when a window has changed its size,
# and divides the difference as it likes.
finish_session() {
	tmux select-pane -t "$1"
	tmux set-hook -w -t "$1" window-resized "$resizing" 2>/dev/null || true
	opening=
}

# Leaves no half-opened session behind.
abandon() {
	[[ -z $opening ]] || tmux kill-session -t "=$opening" 2>/dev/null || true
}

open_quartet() {
	open_session "$SESSION"
	divide "$columns" "$rows"
	launch_listeners '' "$PWD"
	launch "$announcer" '' "$PWD" announcer
	finish_session "$announcer"
}

# Alice to the left, Bob to the right: whoever watches sees both sides of every message.
open_demo() {
	local alice=$PWD/demo/alice bob=$PWD/demo/bob left bobs_announcer
	mkdir -p -- "$alice" "$bob" || fail "cannot make demo/alice and demo/bob in $PWD"
	open_session "$DEMO_SESSION"
	left=$pane
	split "$left" -h -l "$(((columns - 1) / 2))"
	divide "$(((columns - 1) / 2))" "$rows"
	launch_listeners 'Bob: ' "$bob" -a "$BOB"
	bobs_announcer=$announcer
	pane=$left
	divide "$((columns / 2))" "$rows"
	launch_listeners 'Alice: ' "$alice" -a "$ALICE"
	launch "$bobs_announcer" 'Bob: ' "$bob" announcer -a "$BOB" -u Bob
	launch "$announcer" 'Alice: ' "$alice" announcer -a "$ALICE" -u Alice
	keep "$initiator" -x 50%
	finish_session "$initiator"
}

# Connecting a UDP socket sends nothing and fails where no route leads to the address: without tools, and in any network
# namespace.
check_loopback() {
	(: >"/dev/udp/$ALICE/6000") 2>/dev/null ||
		fail "the loopback interface is down, and the demo lives on it. As root: ip link set lo up"
}

# Tells the programs of session $1 to end, waits until they have (they tell the others that they leave), and ends it.
stop_session() {
	local waited=0 pids
	mapfile -t pids < <(our_panes "$1")
	((${#pids[@]} == 0)) || kill -TERM "${pids[@]}" 2>/dev/null || true
	while [[ -n $(our_panes "$1") ]] && ((++waited <= PATIENCE)); do
		sleep 0.1
	done
	say "Ended the session $1."
	tmux kill-session -t "=$1" 2>/dev/null || true
}

# The process ids of our panes in session $1 that are still there.
our_panes() {
	tmux list-panes -s -t "=$1:" -F '#{?@quartet,#{pane_pid},}' 2>/dev/null | sed '/^$/d'
}

stop_all() {
	local name found=
	for name in "$SESSION" "$DEMO_SESSION"; do
		if runs "$name"; then
			stop_session "$name"
			found=yes
		fi
	done
	[[ -n $found ]] || say "Nothing to end: no session $SESSION or $DEMO_SESSION is running."
}

start() {
	local name=$1 open=$2
	if ! runs "$name"; then
		install_packages need_packages
		has_command rlwrap >/dev/null || say 'Optional: the package rlwrap gives the initiator line editing and completion.'
		build
		"$open"
	fi
	attach "$name"
}

main() {
	[[ $# -le 1 ]] || wrong_usage
	[[ ! -t 0 || ! -t 1 || ${TERM:-dumb} == dumb ]] || terminal=yes
	trap abandon EXIT
	case ${1:-} in
	'') start "$SESSION" open_quartet ;;
	--demo)
		check_loopback
		start "$DEMO_SESSION" open_demo
		;;
	--stop) stop_all ;;
	-h | --help) usage ;;
	*) wrong_usage ;;
	esac
}

wrong_usage() {
	usage >&2
	exit 2
}

main "$@"
