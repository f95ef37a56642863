# Interlock: what a person types. Everything real is in CMakePresets.json and tools/.
#
#   make demo     sets up, builds, replays the incident against an imitation provider
#   make test     sets up, builds, runs every test
#   make test-agents   real agents from npm at work in rooms (npm installs them in build/agents)
#   make check    format, layers, leftovers, clang-tidy
#   make asan tsan   the tests under the sanitizers (each takes a build of its own)
#   make build    the programs at build/release/interlock and build/release/railsim

SHELL := /bin/bash
JOBS ?= $(shell nproc)

.PHONY: all configure build demo test test-agents check setup asan tsan tidy format fuzz fuzz-build bench clean install

all: build

setup:
	@tools/setup

configure: setup
	@mkdir -p build && cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }

build: configure
	@cmake --build --preset release -j $(JOBS) --target programs

demo: build
	@build/release/interlock demo

test: configure
	@cmake --build --preset release -j $(JOBS)
	@ctest --preset release -j $(JOBS) --repeat until-pass:2

# Where npm reaches no registry it says so and passes.
test-agents: build
	@tests/agents/run || [ $$? -eq 77 ]

check: setup
	@tools/check_format
	@tools/check_layers
	@tools/check_leftovers
	@$(MAKE) --no-print-directory tidy

tidy: setup
	@cmake --preset tidy >/dev/null
	@tools/check_tidy build/tidy $(JOBS)

# AddressSanitizer and UndefinedBehaviorSanitizer over every test that doesn't replace the process.
asan: setup
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan -j $(JOBS)
	@ASAN_OPTIONS=detect_leaks=1 ctest --preset asan -j $(JOBS)

# ThreadSanitizer over the parts that have threads.
tsan: setup
	@cmake --preset tsan >/dev/null
	@cmake --build --preset tsan -j $(JOBS)
	@ctest --preset tsan -j $(JOBS) -R '^(gateway|ledger|store|crypto|credential)_test|^integration'

format:
	@git ls-files '*.cc' '*.h' | xargs clang-format-19 -i

# FUZZ_SECONDS for each target, one after the other: make fuzz FUZZ_SECONDS=600
FUZZ_SECONDS ?= 60
fuzz-build: setup
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz -j $(JOBS)
fuzz: fuzz-build
	@tools/fuzz build/fuzz $(FUZZ_SECONDS)

bench: setup
	@cmake --preset bench >/dev/null
	@cmake --build --preset bench -j $(JOBS)
	@tools/bench build/bench

PREFIX ?= /usr/local
install: build
	@cmake --install build/release --prefix $(PREFIX)

clean:
	@rm -rf build
