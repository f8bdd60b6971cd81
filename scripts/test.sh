#!/usr/bin/env bash
#
# From a clone to a tested build in one command: installs what the tests need, builds, and runs everything.
set -euo pipefail

root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
# shellcheck source=scripts/packages.sh
source "$root/scripts/packages.sh"

usage() {
	cat <<'END'
Usage: scripts/test.sh [--help]

Installs what the tests need and this machine lacks (with apt, as root or through sudo), builds the four programs, where
any compiler warning is a failure, and runs `make test`: lint, unit tests and system tests, with AddressSanitizer and
UndefinedBehaviorSanitizer. The last line says how many passed and failed; the exit status is 0 where none failed.

`make test` is the same without installing. PYTEST_ARGS in the environment goes to pytest.
END
}

# The interpreter that test/system/run uses.
has_python_module() {
	/usr/bin/python3 -c "import $1"
}

need_packages() {
	need_build_packages
	need libedit-dev 'library: line editing and completion in the initiator' has_library libedit
	need libcmocka-dev 'library: runs the unit tests' has_library cmocka
	need python3 'runs the system tests' test -x /usr/bin/python3
	need python3-pytest 'runs the system tests' has_python_module pytest
	need python3-pytest-timeout 'ends a system test that hangs' has_python_module pytest_timeout
	need python3-pytest-xdist 'runs several system tests at a time' has_python_module xdist
	need iproute2 'makes the private networks of the system tests (ip)' has_command ip
	need util-linux 'makes their namespaces (unshare)' has_command unshare
	need mount 'fills the small disk of a system test' has_command mount
	need tmux 'what scripts/start.sh opens' has_command tmux
	need clang-format 'checks the layout of the sources' has_command clang-format
	need cppcheck 'checks the sources' has_command cppcheck
	need shellcheck 'checks the scripts' has_command shellcheck
	need mandoc 'checks the man pages' has_command mandoc
}

# Everything is compiled again, because a file that was compiled before would keep its warnings to itself.
build() {
	make --no-print-directory --always-make -j"$(nproc)" CFLAGS='-O2 -g -Werror' all
}

# Adds up what cmocka and pytest say in file $1 and says it in one line. Whether all is well says $2, the exit status of
# make: lint, or code that does not compile, fails without a count.
summarize() {
	local file=$1 status=$2 passed failed
	read -r passed failed < <(awk '
		/^\[  (PASSED|FAILED)  \] .*[0-9]+ test\(s\)/ {
			match($0, /[0-9]+ test\(s\)/)
			total[tolower($2)] += substr($0, RSTART)
		}
		/ in [0-9.]+s/ {
			for (i = 2; i <= NF; i++)
				if ($i ~ /^(passed|failed|errors?),?$/)
					total[$i ~ /^passed/ ? "passed" : "failed"] += $(i - 1)
		}
		END { print total["passed"] + 0, total["failed"] + 0 }' "$file")
	say "$passed passed, $((status != 0 && failed == 0 ? 1 : failed)) failed"
	return "$status"
}

run_everything() {
	build && make --no-print-directory --keep-going -j"$(nproc)" test
}

main() {
	local status=0
	case "$*" in
	'') ;;
	-h | --help)
		usage
		return
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	install_packages need_packages
	cd -- "$root"
	output=$(mktemp)
	trap 'rm -f -- "$output"' EXIT
	run_everything 2>&1 | tee -- "$output" || status=1
	summarize "$output" "$status"
}

main "$@"
