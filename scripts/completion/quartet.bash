# shellcheck shell=bash
# Completion for bash of announcer, discovery, initiator and responder.

# Names in peers.txt of a directory: those that need no quoting, since others choose theirs.
_quartet_names() {
	sed -n -E 's/.*"(known|username)": "([[:alnum:]_.-]+)".*/\2/p' "$1/peers.txt" 2>/dev/null | sort -u
}

# The same of rooms, for a word like '#l or \#l.
_quartet_rooms() {
	local name

	while read -r name; do
		[[ ${2%%#*}#$name == "$2"* ]] && COMPREPLY+=("${2%%#*}#$name")
	done < <(grep -E '"(room|rooms)": ' "$1/peers.txt" 2>/dev/null |
		grep -oE '"name": "[[:alnum:]_.-]+"' | cut -d '"' -f 4 | sort -u)
}

# Completes what follows a command of the initiator, whose first word is that of index $1, in a directory.
_quartet_command() {
	local command=${COMP_WORDS[$1]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} options=''

	case $command in
	users | watch | rooms | room | doctor | files) options='-j' ;;
	create) options='-p -c -d -i' ;;
	join) options='-p' ;;
	history) options='-j -n' ;;
	search) options='-j -f' ;;
	send) options='-m -w -k -f -N' ;;
	deliver) options='-1' ;;
	get) options='-o -w' ;;
	esac
	if [[ $word == *'#'* ]]; then
		_quartet_rooms "$2" "$word"
		return
	fi
	case $command$before in
	send-m) mapfile -t COMPREPLY < <(compgen -W 'secure plain classic' -- "$word") ;;
	send-[wN] | history-n | create-[cd] | withdraw* | deliver* | name* | reach* | rooms* | set* | unreach*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word") ;;
	send-f | get-o) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	get*) mapfile -t COMPREPLY < <(compgen -W "$options all" -- "$word") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$options $(_quartet_names "$2")" -- "$word") ;;
	esac
}

_quartet() {
	local program=${1##*/} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} directory=. i
	local options='-a -C -h -V --help --version' commands=''

	case $program in
	announcer) options+=' -u -t -i --passphrase-fd' ;;
	responder) options+=' -s --strict -n -q --passphrase-fd' ;;
	initiator)
		options+=' -s --strict --passphrase-fd'
		commands='users send files history search watch deliver get withdraw auto fingerprint verify trust distrust accept reject
			block unblock mute unmute rooms room create join leave invite remove promote demote set reach unreach doctor name'
		;;
	esac
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-C) directory=${COMP_WORDS[++i]} ;;
		-a | -u | -t | -i | --passphrase-fd) ((++i)) ;;
		-*) ;;
		*)
			_quartet_command "$i" "$directory"
			return
			;;
		esac
	done
	case $before in
	-C) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
	-a | -u | -t | -i | -n | --passphrase-fd) ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$options $commands" -- "$word") ;;
	esac
}

complete -F _quartet announcer discovery initiator responder
