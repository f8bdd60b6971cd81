# Quartet: four programs, one static library. `make help` names the targets.

VERSION = 0.1.0

# Yours to set on the command line or in the environment.
CC ?= cc
AR ?= ar
# What the tests run is compiled in half the time so; what -O1 cannot know (-Wformat-truncation) the release is asked.
CFLAGS ?= $(if $(filter check,$(VARIANT)),-O1,-O2) -g
PREFIX ?= /usr/local
DESTDIR ?=
PKG_CONFIG ?= pkg-config
V ?= 0
# CLASSIC=0 leaves out the classic exchange, which needs nettle; so does a machine without nettle.
CLASSIC ?= 1
# LIBEDIT=0 leaves out line editing, which needs libedit; so does a machine without libedit.
LIBEDIT ?= 1

# Every object and program is built in one variant, out of the way in build/<variant>/:
#   release   what `make` builds, with the programs in bin/
#   check     warnings are errors, AddressSanitizer and UndefinedBehaviorSanitizer; what the tests run
VARIANT ?= release
OBJ = build/$(VARIANT)
BIN = $(if $(filter release,$(VARIANT)),bin,$(OBJ)/bin)

PROGRAMS = announcer discovery initiator responder

# One list of objects a program, and one for each folder of common/: these lists are the architecture.
common_OBJECTS = \
	$(addprefix base/,base64 buffer child clock decimal jsontext launch ratelimit stop text) \
	$(addprefix crypto/,channel classic cpace dh identity sealedkey secretbox stretch) \
	$(addprefix wire/,announcement envelope exchange framing seen wire) \
	$(addprefix file/,fileask filename fileoffer filesource filestream offers shelf) \
	$(addprefix store/,chatfollower chatlog chatreader held keyfile lockedfile numbering peers peerscontent peersfile reach syncer) \
	$(addprefix trust/,candidates lookalike mark ownname pins username verdict) \
	$(addprefix net/,address interfaces) \
	$(addprefix room/,ask roomacts roomdraft roomevents roomrecord roomredo roomrules rooms roomstate roomtalk roomtree saying signedtext) \
	$(addprefix term/,console editor fileview layout lineinput outlet pager program quietkeys richtext roomview secret wordlist)
announcer_OBJECTS = announcer beacon farther name notices openrooms
discovery_OBJECTS = discovery journal keeper listener pace presence
initiator_OBJECTS = initiator autofetch broadcast call catchup chat checkup completion delivery desk doctor elsewhere errand fetch fetcher filelist get heard history join links listing lobby loop matcher message offering outbox outboxlock outcomes parcel party passphrase patience peerswatch people processes prompt recipient room roomlist roomsetup round script search send session talk tally trust users waiting watch wording
responder_OBJECTS = responder admission alert answerer caller conversation disclosure fileserver filesender gate inbox received roster row server shutout transcript welcome

# What `make bench` measures with (senders, floods) and against (the bare twins taker, drain, copy, carry and digest).
BENCH_PROGRAMS = burst carry copy courier crowd digest drain flood launch sender taker
burst_OBJECTS = burst arguments moment speakers
carry_OBJECTS = carry arguments moment
copy_OBJECTS = copy arguments
courier_OBJECTS = courier arguments line moment
crowd_OBJECTS = crowd arguments exchange line moment
digest_OBJECTS = digest arguments
drain_OBJECTS = drain arguments
flood_OBJECTS = flood arguments moment speakers
launch_OBJECTS = launch arguments moment
sender_OBJECTS = sender arguments exchange line moment
taker_OBJECTS = taker arguments

UNIT_TESTS = $(patsubst test/unit/%.c,%,$(wildcard test/unit/test_*.c))

ifneq ($(filter-out help clean format,$(or $(MAKECMDGOALS),all)),)
LIBRARIES = jansson libsodium
INSTALLATION = On Debian or Ubuntu: apt-get install gcc make pkg-config libjansson-dev libsodium-dev libunistring-dev \
	nettle-dev libedit-dev, or run scripts/start.sh, which does it
HASH = \#
ifneq ($(shell $(PKG_CONFIG) --exists $(LIBRARIES) && echo yes),yes)
$(error The libraries jansson and libsodium were not found by $(PKG_CONFIG). $(INSTALLATION))
endif
# libunistring comes without a file for pkg-config, so the first build asks the compiler.
ifeq ($(wildcard $(OBJ)/libraries),)
ifneq ($(shell echo '$(HASH)include <unistr.h>' | $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 && echo yes),yes)
$(error The library libunistring (unistr.h) was not found by $(CC). $(INSTALLATION))
endif
endif
CLASSIC_LIBRARY := $(if $(filter-out 0,$(CLASSIC)),$(shell $(PKG_CONFIG) --exists nettle && echo nettle))
ifeq ($(or $(filter 0,$(CLASSIC)),$(CLASSIC_LIBRARY)),)
$(info Without nettle, which $(PKG_CONFIG) did not find (on Debian or Ubuntu: nettle-dev), the classic exchange is left out.)
endif
LIBEDIT_LIBRARY := $(if $(filter-out 0,$(LIBEDIT)),$(shell $(PKG_CONFIG) --exists libedit && echo libedit))
ifeq ($(or $(filter 0,$(LIBEDIT)),$(LIBEDIT_LIBRARY)),)
$(info Without libedit, which $(PKG_CONFIG) did not find (on Debian or Ubuntu: libedit-dev), line editing is left out.)
endif
LIBRARY_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBRARIES) $(CLASSIC_LIBRARY) $(LIBEDIT_LIBRARY)) \
	$(if $(CLASSIC_LIBRARY),-DQUARTET_CLASSIC) $(if $(LIBEDIT_LIBRARY),-DQUARTET_LIBEDIT)
# Everything is built anew where the choice of libraries has changed.
$(shell mkdir -p $(OBJ); echo '$(LIBRARY_CFLAGS)' | cmp -s - $(OBJ)/libraries || echo '$(LIBRARY_CFLAGS)' >$(OBJ)/libraries)
# One cipher is all that is used of nettle, so it comes from the archive, if there is one: a library less to load.
NETTLE_LIBS = $(or $(wildcard $(shell $(PKG_CONFIG) --variable=libdir nettle)/libnettle.a),$(shell $(PKG_CONFIG) --libs nettle))
# libedit is loaded when a line is first edited (common/term/editor.c).
LIBRARY_LIBS := -Wl,--as-needed $(shell $(PKG_CONFIG) --libs $(LIBRARIES)) $(if $(CLASSIC_LIBRARY),$(NETTLE_LIBS)) \
	-lunistring -ldl

# Hardening, as far as the compiler knows it. The sanitizers replace it. clang before 16 wants to be asked twice for zeroed
# variables, and _FORTIFY_SOURCE wants optimisation.
ifeq ($(VARIANT),check)
HARDENING = -fPIE
else
known = $(shell $(CC) -Werror -O2 -U_FORTIFY_SOURCE $(1) -include stdio.h -x c -c /dev/null -o /dev/null 2>/dev/null && echo '$(1)')
HARDENING := -fPIE -fstack-protector-strong $(call known,-fstack-clash-protection) \
	$(or $(call known,-ftrivial-auto-var-init=zero),$(call known,-ftrivial-auto-var-init=zero \
		-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang)) \
	$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE $(or $(call known,-D_FORTIFY_SOURCE=3),-D_FORTIFY_SOURCE=2))
endif
endif

# What the code needs whatever CFLAGS says.
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wformat=2 -Wvla -Wwrite-strings
check_CFLAGS = -Werror -Wno-format-truncation -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
check_LDFLAGS = -fsanitize=address,undefined
QUARTET_CFLAGS = -std=c11 -D_GNU_SOURCE -DQUARTET_VERSION='"$(VERSION)"' -Icommon -pthread -MMD -MP \
	$(WARNINGS) $(HARDENING) $($(VARIANT)_CFLAGS) $(LIBRARY_CFLAGS)
QUARTET_LDFLAGS = -pthread -pie -Wl,-z,relro,-z,now $($(VARIANT)_LDFLAGS)

Q = $(if $(filter 0,$(V)),@)
say = $(if $(filter 0,$(V)),@echo "  $(1)	$@")

.PHONY: all
all: $(addprefix $(BIN)/,$(PROGRAMS)) ## build the four programs in bin/ (default)

# A program is the object with its main and the library of its modules, so that the unit tests can have those, too.
define library_rules
$(OBJ)/lib$(1).a: $(patsubst %,$(OBJ)/$(1)/%.o,$(filter-out $(1),$($(1)_OBJECTS)))
	$$(call say,AR)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach name,common $(PROGRAMS),$(eval $(call library_rules,$(name))))

define program_rules
$(BIN)/$(1): $(OBJ)/$(1)/$(1).o $(OBJ)/lib$(1).a $(OBJ)/libcommon.a
	$$(call say,LINK)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) $$(QUARTET_LDFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LIBRARY_LIBS) $$(LDLIBS)
endef
$(foreach name,$(PROGRAMS),$(eval $(call program_rules,$(name))))

# The same binaries from any directory.
$(OBJ)/%.o: %.c Makefile $(OBJ)/libraries
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -ffile-prefix-map="$$PWD"=. $(QUARTET_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Tests. A unit test has all modules at hand, those of a program as "responder/inbox.h".
$(OBJ)/test/unit/%.o: QUARTET_CFLAGS += -I.
$(OBJ)/test/%: $(OBJ)/test/unit/%.o $(PROGRAMS:%=$(OBJ)/lib%.a) $(OBJ)/libcommon.a
	$(call say,LINK)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(QUARTET_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIBRARY_LIBS) -lcmocka $(LDLIBS)

# Keeps the objects of the tests, which no rule names.
.SECONDARY:

.PHONY: test
test: lint unit system ## run everything: lint, unit and system tests (installs nothing)
ifneq ($(filter test,$(MAKECMDGOALS)),)
# One part after the other, because unit and system build the same objects; -j is for what they start.
.NOTPARALLEL:
endif

.PHONY: unit
unit: ## run the unit tests of the modules, with sanitizers (-j runs several at a time)
	$(Q)$(MAKE) --no-print-directory --output-sync VARIANT=check run-unit

.PHONY: run-unit $(UNIT_TESTS)
run-unit: $(UNIT_TESTS)
$(UNIT_TESTS): %: $(OBJ)/test/%
	$(Q)./$<

.PHONY: system
system: ## run the system tests on the real programs, with sanitizers, in private network namespaces
	$(Q)$(MAKE) --no-print-directory VARIANT=check all build/clock.so
	$(Q)exec env QUARTET_BIN='$(CURDIR)/build/check/bin' test/system/run $(PYTEST_ARGS)

# A network of namespaces, and the clock that its hosts are given.
build/clock.so: test/lan/clock.c Makefile
	$(call say,LINK)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CPPFLAGS) $(CFLAGS) -shared -fPIC -o $@ $< -ldl

.PHONY: lan
lan: ## open a network of hosts on this machine, or run a script on it (LAN_ARGS='-n 5 SCRIPT'); see test/lan/README.md
	$(Q)scripts/lan.sh $(LAN_ARGS)

# Benchmark.
define bench_rules
$(OBJ)/bench/$(1): $($(1)_OBJECTS:%=$(OBJ)/test/bench/%.o) $(OBJ)/libcommon.a
	$$(call say,LINK)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) $$(QUARTET_LDFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LIBRARY_LIBS) $$(LDLIBS)
endef
$(foreach name,$(BENCH_PROGRAMS),$(eval $(call bench_rules,$(name))))

.PHONY: bench
bench: ## compare the programs with the bare machine, in a table (JSON=file keeps it)
	$(Q)$(MAKE) --silent --no-print-directory VARIANT=release all build-bench build/release/test/test_roomhistory
	$(if $(BENCH_ARGS),,$(Q)build/release/test/test_roomhistory 20000)
	$(Q)test/bench/run $(if $(JSON),--json '$(JSON)') $(BENCH_ARGS)

.PHONY: build-bench
build-bench: $(BENCH_PROGRAMS:%=$(OBJ)/bench/%)
	@:

.PHONY: lint
lint: ## check format (clang-format), C (cppcheck), scripts (shellcheck) and man pages (mandoc)
	$(Q)clang-format --dry-run -Werror $(SOURCES)
	$(Q)cppcheck -j $(shell nproc) --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
		--inline-suppr --suppress=missingIncludeSystem -D_GNU_SOURCE -Icommon -I. $(filter %.c,$(SOURCES))
	$(Q)shellcheck scripts/*.sh scripts/completion/quartet.bash test/system/run test/bench/run .ci/run
	$(Q)mandoc -T lint -W warning */*.[17] >/dev/null

SOURCES = $(sort $(wildcard common/*/*.[ch] $(addsuffix /*.[ch],$(PROGRAMS)) test/unit/*.[ch] test/bench/*.[ch] test/lan/*.c))

.PHONY: format
format: ## lay out the sources with clang-format
	$(Q)clang-format -i $(SOURCES)

SHARE = $(DESTDIR)$(PREFIX)/share
MAN_PAGES = $(foreach program,$(PROGRAMS),man1/$(program).1) man7/quartet.7
# bash looks for a file named after the command, zsh for one that names its commands.
BASH_COMPLETIONS = $(PROGRAMS:%=$(SHARE)/bash-completion/completions/%)

.PHONY: install
install: all ## install programs, man pages and completion for bash and zsh below $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/man/man1 $(SHARE)/man/man7 $(SHARE)/bash-completion/completions \
		$(SHARE)/zsh/site-functions
	install $(addprefix $(BIN)/,$(PROGRAMS)) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(foreach program,$(PROGRAMS),$(program)/$(program).1) $(SHARE)/man/man1
	install -m 644 common/quartet.7 $(SHARE)/man/man7
	for file in $(BASH_COMPLETIONS); do install -m 644 scripts/completion/quartet.bash "$$file" || exit; done
	install -m 644 scripts/completion/_quartet $(SHARE)/zsh/site-functions

.PHONY: uninstall
uninstall: ## remove what install put there
	rm -f $(PROGRAMS:%=$(DESTDIR)$(PREFIX)/bin/%) $(MAN_PAGES:%=$(SHARE)/man/%) $(BASH_COMPLETIONS) \
		$(SHARE)/zsh/site-functions/_quartet

.PHONY: clean
clean: ## remove bin/ and build/
	rm -rf bin build

.PHONY: help
help: ## name the targets
	@echo 'make [TARGET] [CC=...] [CFLAGS=...] [PREFIX=...] [DESTDIR=...] [CLASSIC=0] [LIBEDIT=0] [V=1]'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1	\2/p' Makefile | expand -t 14

-include $(shell find build/$(VARIANT) -name '*.d' 2>/dev/null)
