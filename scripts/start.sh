#!/usr/bin/env bash
#
# From a clone to a conversation in one command: installs what is missing, builds, and opens the four programs in tmux.
#
# The programs run in their panes themselves, with no shell around them: they end on SIGHUP, which is what closing a pane
# or a session sends, and a pane whose program has ended stays (remain-on-exit) until Enter starts it again.
set -euo pipefail

root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
# shellcheck source=scripts/packages.sh
source "$root/scripts/packages.sh"

readonly SESSION=quartet
readonly DEMO_SESSION=quartet-demo

# Three users on one machine: each on an address of their own.
readonly USERS=(Alice Bob Can)
declare -rA ADDRESSES=([Alice]=127.0.0.2 [Bob]=127.0.0.3 [Can]=127.0.0.4)

# What the layout below has room in at least, for each user; in how many columns announcer and discovery of a user alone are
# readable side by side, and in how many they get a column of their own.
readonly COLUMNS_MIN=40
readonly ROWS_MIN=24
readonly COLUMNS_BESIDE=50
readonly COLUMNS_WIDE=140
# How many columns that one has, and how many rows the initiator has in the narrow layout and in the wide one.
readonly ASIDE=40
readonly TYPING=6
readonly TYPING_WIDE=10

# The title of a pane: what a program adds to its name in the title that it sets ("responder: 3 new") follows the label.
# Names of others are in there: every # is shown as one.
readonly ADDITION='#{?#{m/r:^[a-z]+: ,#{pane_title}},#{q/h;s/^[a-z]+//:pane_title},}'
readonly TITLE="#{?pane_active,#[reverse],#[bold]} #{@quartet}#{?pane_dead,,$ADDITION} #[default]#{?pane_dead,ended: hit Enter ,}"
# How the status line and the border of the active pane look.
style_line='fg=black,bg=cyan' style_border='fg=cyan'
[[ -z ${NO_COLOR:-} ]] || style_line=reverse style_border=default
readonly style_line style_border
# The user's own prefix key.
readonly PREFIX='#{s/C-/Ctrl-/:prefix}'
# Runs a program with the passphrase that is in a FIFO, if that is there; in a pane that starts its program again it is
# not, and the program asks. Opened for writing, too, at first, so that it waits for nobody.
# shellcheck disable=SC2016
readonly TAKE='if [ -p "$1" ] && [ -O "$1" ]; then
	exec 8<>"$1" 9<"$1" 8<&-
	rm -f -- "$1"
	shift
	exec "$@" --passphrase-fd 9
fi
shift
exec "$@"'
# Programs that need the identity.
readonly HOLDERS=(announcer initiator responder)
# What a user sets for the programs; a tmux server that runs already has an environment of its own.
readonly VARIABLES=(NO_COLOR TZ LANG LC_ALL LC_CTYPE LC_TIME LC_MESSAGES)

# How long the passphrase is kept for a program that does not take it, in tenths of a second.
readonly HELD=100

# How long --stop waits for programs that were told to end before it kills them, in tenths of a second.
readonly PATIENCE=50

# Whether a user sits at a terminal that tmux can draw on.
terminal=
# The session that is being opened, until it is complete.
opening=
# Where the passphrase waits for the program of a directory; the directories of that, and who keeps it there.
declare -A fifos=()
secrets=() keepers=()

usage() {
	cat <<'END'
Usage: scripts/start.sh [--demo | --stop | --help]

Opens announcer, discovery, initiator and responder in the four panes of a tmux session, with peers.txt, chat.log and
identity.key in the directory where you call it. First it installs what is missing (with apt, as root or through sudo)
and builds. Called again, it puts back what the session lacks and attaches to it.

  --demo   three users, Alice, Bob and Can, in one session, on this machine alone: no network is needed; their files are
           in demo/alice, demo/bob and demo/can below the directory where you call it; in less than 120 columns Can is in
           a window of his own (the prefix and n)
  --stop   ends the programs and their sessions
  --help   shows this

If identity.key has a passphrase, it is asked for once.

In the session: the tmux prefix (Ctrl-b) and an arrow, or a click, changes panes; the prefix and d leaves it running.
Ctrl-C ends the program of a pane (in the initiator, Ctrl-D), and Enter starts it again.
END
}

need_packages() {
	need_build_packages
	need tmux 'shows the four programs side by side' has_command tmux
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

# Sets `command` to what runs PROGRAM [ARGUMENT...] in DIRECTORY with the user's environment. tmux runs a command of
# several words itself, so that no shell of the user's comes between; a ; at the end of one would separate commands.
make_command() {
	local directory=$1 program=$2 name
	shift 2
	command=(env)
	for name in "${VARIABLES[@]}"; do
		[[ -n ${!name+set} ]] || command+=(-u "$name")
	done
	command+=(-C "$directory/.")
	for name in "${VARIABLES[@]}"; do
		[[ -z ${!name+set} ]] || command+=("$name=${!name/%;/\\;}")
	done
	[[ -z ${fifos[$directory/$program]:-} ]] || command+=(sh -c "$TAKE" sh "${fifos[$directory/$program]}")
	command+=("$root/bin/$program" "$@")
}

# Sets `status` to what the status line says of the user with that LABEL, out of the titles of the panes: name, how many
# are online, how many messages are unread, how many wait.
label_status() {
	local program show
	status=
	for program in announcer discovery responder initiator; do
		# A colon would end the pattern.
		case $program in
		announcer) show=' #[bold]#{q/h;=/20/…;s/^[a-z]+. //:pane_title}#[nobold]' ;;
		discovery) show='   #{s/^[a-z]+. ([0-9]+ online).*/\1/:pane_title}' ;;
		*) show='   #{s/^[a-z]+. //:pane_title}' ;;
		esac
		status+="#{P:#{?#{==:#{@quartet}#{pane_dead},$1${program}0},#{?#{m:$program: *,#{pane_title}},$show,},}}"
	done
}

# open_session NAME PROGRAM: a session of one window with the one pane of PROGRAM, whose command make_command has made.
# Sets `pane`. Everything is set for this session and its windows alone, and nothing relies on what the user's configuration
# set. Enter is bound in a table of keys that only these sessions use: the user's own root table, and that.
open_session() {
	local name=$1 label line=
	opening=$name
	for label in "${LABELS[@]}"; do
		label_status "$label"
		line+="$status  "
	done
	# The rest of it are the keys, in as many words as fit beside that; of another window the name, bold once a bell rang.
	line+="#[align=right]#{?#{e|>:#{session_windows},1},$PREFIX d#, arrow#, n: #{W:#{?window_bell_flag,#[bold],}#{window_name},},"
	line+="#{?#{e|>=:#{client_width},$COLUMNS_WIDE},#{=-40:session_path}   ,}"
	line+="#{?#{e|>=:#{client_width},$((70 + 30 * ${#LABELS[@]}))},panes: $PREFIX arrow or click   leave: $PREFIX d,"
	line+="$PREFIX arrow or click   $PREFIX d}#{?#{e|>=:#{client_width},$((90 + 30 * ${#LABELS[@]}))},   end: scripts/start.sh --stop,} }"
	# In one go with its creation: a configuration that destroys unattached sessions would be quicker.
	pane=$(tmux new-session -d -s "$name" -n "$name" -x "$columns" -y "$rows" -P -F '#{pane_id}' -- "${command[@]}" \; \
		set-option -t "=$name:" destroy-unattached off \; set-option -w -t "=$name:" remain-on-exit on)
	tmux list-keys -T root | sed 's/-T root /-T quartet /' | tmux source-file -
	tmux bind-key -T quartet Enter if-shell -F '#{pane_dead}' respawn-pane 'send-keys Enter' \; \
		set-option -t "$pane" key-table quartet \; \
		set-option -t "$pane" mouse on \; \
		set-option -t "$pane" status on \; \
		set-option -t "$pane" status-interval 1 \; \
		set-option -t "$pane" status-style "$style_line" \; \
		set-option -t "$pane" 'status-format[0]' "$line"
	dress_window "$pane"
}

# Gives the window of that pane its looks.
dress_window() {
	tmux set-option -w -t "$1" automatic-rename off \; \
		set-option -w -t "$1" synchronize-panes off \; \
		set-option -w -t "$1" pane-border-style default \; \
		set-option -w -t "$1" pane-active-border-style "$style_border" \; \
		set-option -w -t "$1" pane-border-format "$TITLE" \; \
		set-option -w -t "$1" pane-border-status top
	# The title says it; a line below would push out what the program said last. A tmux before 3.3 has its own line.
	tmux set-option -w -t "$1" remain-on-exit-format '' 2>/dev/null || true
}

# Sets `panes`, by title, to those that session $1 has.
declare -A panes
find_panes() {
	local id title
	panes=()
	while read -r id title; do
		[[ -z $title ]] || panes[$title]=$id
	done < <(tmux list-panes -s -t "=$1:" -F '#{pane_id} #{@quartet}')
}

# adopt TITLE PANE: the mark tells later which pane is whose, whatever its title is by then.
adopt() {
	panes[$1]=$2
	tmux set-option -p -t "$2" @quartet "$1"
}

# split TITLE OPTION...: runs what make_command has made in a new pane beside another.
split() {
	local title=$1 new
	shift
	new=$(tmux split-window -d "$@" -P -F '#{pane_id}' -- "${command[@]}")
	adopt "$title" "$new"
}

# add LABEL DIRECTORY PROGRAM [ARGUMENT...]: gives PROGRAM of the user with that LABEL ("" or "Bob: ") its place beside
# the panes of that user that are there, unless it has one. From top to bottom they are announcer and discovery, which have
# little to say, side by side if there is room, responder, initiator; in a wide window the first two have a column at the
# left.
add() {
	local label=$1 directory=$2 program=$3 where
	shift 3
	[[ -z ${panes[$label$program]:-} ]] || return 0
	case $program in
	initiator) where=(-v -t "${panes[${label}responder]}") ;;
	responder) where=(-v -b -t "${panes[${label}initiator]}") ;;
	discovery)
		where=("$aside" -b -t "${panes[${label}responder]}")
		[[ -z ${panes[${label}announcer]:-} ]] || where=("$beside" -t "${panes[${label}announcer]}")
		;;
	announcer) where=("$beside" -b -t "${panes[${label}discovery]}") ;;
	esac
	make_command "$directory" "$program" "$@"
	split "$label$program" "${where[@]}"
}

# Sets `layout` of session $1, which keeps it: slim (several users: side by side), apart (the last of them in a window of
# their own), beside or wide; `aside`, where the two small panes go from the responder (-f: from all), and `beside`, where
# they go from each other.
choose_layout() {
	layout=$(tmux show-options -qv -t "=$1:" @quartet-layout)
	if [[ -z $layout ]]; then
		layout=slim
		if ((columns < COLUMNS_MIN * ${#LABELS[@]})); then
			layout=apart
		elif ((${#LABELS[@]} == 1 && columns >= COLUMNS_BESIDE)); then
			layout=beside
			((columns < COLUMNS_WIDE)) || layout=wide
		fi
		tmux set-option -t "=$1:" @quartet-layout "$layout"
	fi
	aside=-v beside=-v
	[[ $layout != beside ]] || beside=-h
	[[ $layout != wide ]] || aside=-hf
}

# arrange LABEL: gives the panes of a user their sizes, now and (if tmux can, from 3.3 on) whenever the window changes its
# size. The responder gets the most.
arrange() {
	local small="resize-pane -t ${panes[${1}announcer]}" typing="resize-pane -t ${panes[${1}initiator]} -y"
	case $layout in
	wide) resizing+="$small -x $ASIDE ; $small -y 30% ; $typing $TYPING_WIDE ; " ;;
	beside) resizing+="$typing $TYPING ; $small -y 3 ; $small -x 50% ; " ;;
	slim | apart) resizing+="$typing $TYPING ; $small -y 3 ; resize-pane -t ${panes[${1}discovery]} -y 3 ; " ;;
	esac
}

# finish_session TITLE: the session is complete: the pane of that title gets the cursor; "" leaves it where it is.
# From an announcer it goes to the initiator as soon as the name is in (if tmux can, from 3.3 on).
finish_session() {
	local resize label name
	while read -r -d ';' resize; do
		# Words without spaces of their own.
		# shellcheck disable=SC2086
		tmux $resize
	done <<<"$resizing"
	[[ -z $1 ]] || tmux select-pane -t "${panes[$1]}"
	for label in "${LABELS[@]}"; do
		name=${panes[${label}announcer]}
		tmux set-hook -w -t "$name" window-resized "$resizing" 2>/dev/null || true
		tmux set-hook -p -t "$name" pane-title-changed "if-shell -F -t $name \
			'#{&&:#{pane_active},#{m:announcer: *,#{pane_title}}}' 'select-pane -t ${panes[${label}initiator]}'" 2>/dev/null || true
	done
	opening=
}

# Leaves no half-opened session and no passphrase behind.
abandon() {
	local pid
	for pid in "${keepers[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	lock
	[[ -z $opening ]] || tmux kill-session -t "=$opening" 2>/dev/null || true
}

# Sets `panes` to what is left of session $1. One in which a user has neither initiator nor responder is ended.
look_for() {
	local label
	panes=()
	runs "$1" || return 0
	find_panes "$1"
	for label in "${LABELS[@]}"; do
		[[ -z ${panes[${label}initiator]:-}${panes[${label}responder]:-} ]] || continue
		stop_session "$1"
		panes=()
		return
	done
}

# begin SESSION TITLE DIRECTORY [ARGUMENT...]: opens the session with that initiator, unless it runs.
begin() {
	local session=$1 title=$2 directory=$3
	shift 3
	resizing=
	measure_window
	if ! runs "$session"; then
		make_command "$directory" initiator "$@"
		open_session "$session"
		adopt "$title" "$pane"
	fi
	choose_layout "$session"
}

# ask_passphrase LABEL DIRECTORY: sets `passphrase` to one that opens the identity there.
ask_passphrase() {
	for _ in 1 2 3; do
		IFS= read -rsp "Passphrase${1:+ of ${1%: }}: " passphrase || fail 'no passphrase was typed.'
		echo
		# The program says what is wrong with it.
		"$root/bin/initiator" -C "$2/." --passphrase-fd 9 9< <(printf '%s\n' "$passphrase") </dev/null >/dev/null && return
	done
	exit 1
}

# hold FIFO...: puts the passphrase into each and keeps it there until it is taken, which removes the FIFO.
hold() {
	local fifo fd left=$HELD
	for fifo in "$@"; do
		exec {fd}<>"$fifo"
		printf '%s\n' "$passphrase" >&"$fd"
	done
	echo ready
	exec >&-
	for fifo in "$@"; do
		while [[ -p $fifo ]] && ((left-- > 0)); do
			sleep 0.1
		done
	done
}

# unlock LABEL DIRECTORY: if the identity there has a passphrase, and programs are missing that need it, asks for it, and
# has it ready for them. It is in no command line, no environment and no file.
unlock() {
	local label=$1 directory=$2 program ready passphrase secret missing=()
	[[ -n $terminal && $(head -c 13 -- "$directory/identity.key" 2>/dev/null | tr -d '\0') == 'quartet key 1' ]] || return 0
	for program in "${HOLDERS[@]}"; do
		[[ -n ${panes[$label$program]:-} ]] || missing+=("$program")
	done
	((${#missing[@]} > 0)) || return 0
	ask_passphrase "$label" "$directory"
	secret=$(mktemp -d)
	secrets+=("$secret")
	for program in "${missing[@]}"; do
		fifos[$directory/$program]=$secret/$program
		mkfifo -m 600 -- "$secret/$program"
	done
	exec {ready}< <(hold "${missing[@]/#/"$secret/"}")
	keepers+=("$!")
	read -r -u "$ready" _
	exec {ready}<&-
}

# Waits until the programs have taken the passphrase.
lock() {
	local pid
	for pid in "${keepers[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	((${#secrets[@]} == 0)) || rm -rf -- "${secrets[@]}"
	keepers=() secrets=()
}

open_quartet() {
	local program asks='' LABELS=('')
	look_for "$SESSION"
	unlock '' "$PWD"
	begin "$SESSION" initiator "$PWD"
	if [[ -z ${panes[announcer]:-} ]]; then
		asks=announcer
	elif [[ $(tmux display-message -p -t "${panes[announcer]}" '#{pane_title}') == 'announcer: '* ]]; then
		asks=initiator
	fi
	for program in initiator responder discovery announcer; do
		add '' "$PWD" "$program"
	done
	arrange ''
	finish_session "$asks"
}

# say_as FROM TO TEXT: sends a message as somebody of the demo, as soon as the other has been heard (3) and answers (4). It
# asks for no passphrase: the terminal is tmux's by then.
say_as() {
	local tries=0 status
	while runs "$DEMO_SESSION" && ((tries++ < 80)); do
		status=0
		"$root/bin/initiator" -C "$PWD/demo/${1,,}/." -a "${ADDRESSES[$1]}" --passphrase-fd 9 send -w 1 "$2" "$3" \
			9</dev/null || status=$?
		((status == 3 || status == 4)) || return 0
		sleep 0.1
	done
}

# The first words of a demo that has none, said by the programs themselves: something bold, a link, a bell for each, and
# how to make a room. Bob and Can have written to Alice, so that hers does not wait until they accept it.
# The session knows who says them, for --stop to wait for.
greet() {
	tmux set-option -t "=$DEMO_SESSION:" @quartet-greeter "$BASHPID"
	say_as Bob Alice '*Lunch* at noon? The menu is at https://example.org/lunch'
	say_as Bob Can 'Lunch with Alice and me?'
	say_as Alice Bob 'Gladly. _Galley_?'
	say_as Can Alice "Make a room for us: \`Create #lab Bob Can\` then \`@#lab hello\`"
	tmux set-option -u -t "=$DEMO_SESSION:" @quartet-greeter 2>/dev/null || true
}

# open_column USER WIDTH: the column of that user, with the initiator, beside Alice's.
open_column() {
	make_command "$PWD/demo/${1,,}" initiator -a "${ADDRESSES[$1]}"
	split "$1: initiator" -h -l "$2" -t "${panes[Alice: initiator]}"
}

# Gives Can a window of his own.
part() {
	local pane=${panes[Can: initiator]}
	tmux break-pane -d -s "$pane" -n Can \; set-option -w -t "$pane" remain-on-exit on \; \
		rename-window -t "${panes[Alice: initiator]}" 'Alice and Bob'
	dress_window "$pane"
}

# Announcers come last, so that everyone hears them.
open_demo() {
	local user program share=33 LABELS=("${USERS[@]/%/: }")
	mkdir -p -- "$PWD"/demo/{alice,bob,can} || fail "cannot make demo/alice, demo/bob and demo/can in $PWD"
	look_for "$DEMO_SESSION"
	for user in "${USERS[@]}"; do
		unlock "$user: " "$PWD/demo/${user,,}"
	done
	begin "$DEMO_SESSION" 'Alice: initiator' "$PWD/demo/alice" -a "${ADDRESSES[Alice]}"
	if [[ -n $opening ]]; then
		open_column Can 33%
		[[ $layout != apart ]] || part
		open_column Bob 50%
	fi
	for program in initiator responder discovery announcer; do
		for user in Can Bob Alice; do
			set -- -a "${ADDRESSES[$user]}"
			[[ $program != announcer ]] || set -- "$@" -u "$user"
			add "$user: " "$PWD/demo/${user,,}" "$program" "$@"
		done
	done
	[[ $layout != apart ]] || share=50
	resizing+="resize-pane -t ${panes[Alice: initiator]} -x $share% ; "
	[[ $layout == apart ]] || resizing+="resize-pane -t ${panes[Can: initiator]} -x $share% ; "
	for user in "${USERS[@]}"; do
		arrange "$user: "
	done
	finish_session "${opening:+Alice: initiator}"
	[[ -n $(compgen -G 'demo/*/chat.log') ]] || greet </dev/null >/dev/null 2>&1 &
}

# Connecting a UDP socket sends nothing and fails if no route leads to the address: without tools, and in any network
# namespace.
check_loopback() {
	(: >"/dev/udp/${ADDRESSES[Alice]}/6000") 2>/dev/null ||
		fail "the loopback interface is down, and the demo lives on it. As root: ip link set lo up"
}

# Ends session $1 and waits until its programs have ended; they tell the others that they leave.
stop_session() {
	local waited=0 pid pids greeter
	greeter=$(tmux show-options -qv -t "=$1:" @quartet-greeter)
	mapfile -t pids < <(tmux list-panes -s -t "=$1:" -F '#{?@quartet,#{?pane_dead,,#{pane_pid}},}' | sed '/^$/d')
	tmux kill-session -t "=$1" 2>/dev/null || true
	for pid in "${pids[@]}"; do
		while kill -0 "$pid" 2>/dev/null && ((++waited <= PATIENCE)); do
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null || true
	done
	# It sees that the session is gone.
	while [[ -n $greeter ]] && kill -0 "$greeter" 2>/dev/null && ((++waited <= PATIENCE)); do
		sleep 0.1
	done
}

stop_all() {
	local name found=
	for name in "$SESSION" "$DEMO_SESSION"; do
		if runs "$name"; then
			stop_session "$name"
			say "Ended the session $name."
			found=yes
		fi
	done
	[[ -n $found ]] || say "Nothing to end: no session $SESSION or $DEMO_SESSION is running."
}

start() {
	local name=$1 open=$2
	install_packages need_packages
	has_library libedit || say 'Optional: the package libedit-dev gives the initiator line editing and completion.'
	build
	"$open"
	lock
	attach "$name"
}

main() {
	[[ $# -le 1 ]] || wrong_usage
	[[ ! -t 0 || ! -t 1 || ${TERM:-dumb} == dumb ]] || terminal=yes
	# The programs speak UTF-8. If no locale says what the terminal speaks, tmux would show anything else as _.
	[[ -n ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} ]] || export LC_CTYPE=C.UTF-8
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
