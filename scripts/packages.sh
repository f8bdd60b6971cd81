# shellcheck shell=bash
#
# What a machine lacks, and its installation through apt. Sourced by start.sh and test.sh, not run.
#
# A script names what it needs in a function of calls to need and want, and hands the name of that function to
# install_packages. Names of packages are those of Debian and Ubuntu. Where nothing is missing, apt is never touched.

missing_packages=()
missing_reasons=()
wanted_packages=()
wanted_reasons=()

say() {
	printf '%s\n' "$*"
}

# Ends the script with a message on standard error.
fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# need PACKAGE WHY CHECK...: PACKAGE is missing where the command CHECK fails.
need() {
	local package=$1 why=$2
	shift 2
	"$@" >/dev/null 2>&1 && return
	missing_packages+=("$package")
	missing_reasons+=("$why")
}

# want PACKAGE WHY CHECK...: the same for what is not worth calling apt for, but is installed along with something else.
want() {
	local package=$1 why=$2
	shift 2
	"$@" >/dev/null 2>&1 && return
	wanted_packages+=("$package")
	wanted_reasons+=("$why")
}

# The checks. What cannot be asked, because compiler or pkg-config are missing themselves, counts as missing.

has_command() {
	command -v "$1"
}

has_library() {
	pkg-config --exists "$1"
}

has_header() {
	printf '#include <%s>\n' "$1" | cc -E -x c -
}

# What `make` needs: build packages of every script here.
need_build_packages() {
	need gcc 'the C compiler (cc)' has_command cc
	need libc6-dev 'the headers of the C library' has_header stdio.h
	need make 'builds the programs' has_command make
	need pkg-config 'finds the libraries' has_command pkg-config
	need libjansson-dev 'library: reads and writes JSON' has_library jansson
	need libsodium-dev 'library: the cryptography' has_library libsodium
	need libunistring-dev 'library: knows the characters of Unicode' has_header unistr.h
	need nettle-dev 'library: the cipher of the classic exchange (3DES)' has_library nettle
	want libedit-dev 'library: line editing and completion in the initiator' has_library libedit
}

find_missing() {
	missing_packages=()
	missing_reasons=()
	wanted_packages=()
	wanted_reasons=()
	"$1"
}

name_missing() {
	local i
	say 'This machine lacks:'
	for i in "${!missing_packages[@]}"; do
		printf '  %-24s %s\n' "${missing_packages[i]}" "${missing_reasons[i]}"
	done
	for i in "${!wanted_packages[@]}"; do
		printf '  %-24s %s (optional)\n' "${wanted_packages[i]}" "${wanted_reasons[i]}"
	done
}

# Runs apt-get with the given arguments, through sudo where this is not root.
apt_get() {
	local command=(env DEBIAN_FRONTEND=noninteractive apt-get "$@")
	[[ $(id -u) -eq 0 ]] || command=(sudo "${command[@]}")
	"${command[@]}"
}

apt_install() {
	apt_get install --no-install-recommends -y "$@"
}

# What the user can do instead, to be run as root.
by_hand() {
	printf '%s\n  %s && %s %s\n' "$1" 'apt-get update' 'apt-get install --no-install-recommends -y' \
		"${missing_packages[*]}"
}

# Installs what the function $1 says is missing, after saying what and why. Ends the script where that cannot be done.
install_packages() {
	local needs=$1
	find_missing "$needs"
	((${#missing_packages[@]} > 0)) || return 0
	name_missing
	has_command apt-get >/dev/null ||
		fail "$(by_hand 'there is no apt-get here. Install the like with the package manager of this machine; on
Debian or Ubuntu it is, as root:')"
	[[ $(id -u) -eq 0 ]] || has_command sudo >/dev/null ||
		fail "$(by_hand 'installing takes root, and there is no sudo. Run this as root, then start again:')"

	say 'Installing that with apt-get.'
	# One package source out of order does not mean that the others do not have it.
	apt_get update || say 'apt-get update failed; trying with the package lists that are here.'
	apt_install "${missing_packages[@]}" "${wanted_packages[@]}" ||
		{ ((${#wanted_packages[@]} > 0)) && apt_install "${missing_packages[@]}"; } ||
		fail "$(by_hand 'apt-get could not install what is missing; see above. By hand, as root, it is:')"
	find_missing "$needs"
	((${#missing_packages[@]} == 0)) ||
		fail "apt-get is done, and still this is missing: ${missing_packages[*]}"
}
