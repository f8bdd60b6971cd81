#!/usr/bin/env bash
#
# A network on this machine: hosts in network namespaces, each with the four real programs, to look at or to run a script on.
#
# Whoever is not root gets a user namespace, so no privilege is needed. Nothing leaves the namespaces, and whatever runs in
# them ends with this script, however it ends.
set -euo pipefail

root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
# shellcheck source=scripts/packages.sh
source "$root/scripts/packages.sh"

usage() {
	cat <<'END'
Usage: scripts/lan.sh [-n HOSTS] [-b BANDWIDTH] [-l LOSS] [-d DELAY] [-i SECONDS] [--two] [SCRIPT]

Makes a network of hosts h1, h2 ... on this machine, with announcer, discovery, initiator and responder on each. Without
SCRIPT it opens the programs of h1 in tmux. With it, it does what each line says, and checks at the end that rooms, logs
and queues agree: what was confirmed was received once, nothing waits, and all members of a room have the same.
First it installs what is missing (with apt, as root or through sudo) and builds.

  -n HOSTS      how many hosts (default: 3)
  -b BANDWIDTH  of the line of each host, both ways, as tc(8) takes it, such as 1mbit
  -l LOSS       of what each host sends, such as 5%; this and DELAY take a kernel with netem
  -d DELAY      of what each host sends, such as 20ms
  -i SECONDS    how often the hosts announce themselves (default: 8)
  --two         two networks with a router between them; the second half of the hosts is in the other
  SCRIPT        a file of events, or - for standard input; HOST may be all, and PROGRAM, too:

    say HOST TO TEXT         a message to a user, who is called as the host is, or to a #ROOM
    join HOST #ROOM          and any other command of the initiator: do HOST COMMAND...
    part HOST...             these see each other only; meet: all see all again
    link HOST down|up        takes a host's network away
    kill HOST PROGRAM        at once, as a power cut would; start HOST PROGRAM: again
    sleep HOST SECONDS       stops all of a host for so long; the script goes on
    clock HOST SECONDS       sets the clock of a host forward, or back
    pass SECONDS             lets time pass for all; speed TIMES: all clocks run so much faster, this script, too
    wait SECONDS             see: until everybody sees everybody; agree: as at the end
    measure SECONDS          says what the hosts cost meanwhile
END
}

need_packages() {
	need_build_packages
	need python3 'runs the network' test -x /usr/bin/python3
	need iproute2 'makes the network (ip, tc)' has_command tc
	need util-linux 'makes the namespaces (unshare)' has_command unshare
	need tmux 'shows the programs of a host' has_command tmux
}

main() {
	local private=(unshare --net --mount --pid --fork --kill-child --mount-proc)
	case " $* " in
	*' -h '* | *' --help '*)
		usage
		return
		;;
	esac
	install_packages need_packages
	make --no-print-directory --silent -C "$root" -j"$(nproc)" all build/clock.so || fail 'the build failed; see above.'
	[[ $(id -u) -eq 0 ]] || private+=(--map-root-user)
	# In a chroot the root is no mount point, and what is mounted must be left as it is.
	"${private[@]}" true 2>/dev/null || private+=(--propagation unchanged)
	"${private[@]}" true || fail "the kernel lets this user make no private namespaces (${private[*]})"
	# The inner shell stays, because the first process of a namespace inherits its orphans.
	# shellcheck disable=SC2016
	QUARTET_PRIVATE=1 exec setpriv --pdeathsig KILL "${private[@]}" sh -c '"$@"; exit $?' sh \
		/usr/bin/python3 "$root/test/lan/lan.py" "$@"
}

main "$@"
