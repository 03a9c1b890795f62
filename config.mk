# Knobs of the build. Override on the command line: make CC=clang SAN=address,undefined hosted

VERSION := 0.1.0

CC      := gcc
CLANG   := clang
MUSL_CC := musl-gcc

# Sanitizers for the simulator: empty, "address,undefined" or "thread"
SAN :=

# Seconds for each target of `make fuzz`
FUZZ_SECONDS := 60

# Arguments for `make run` and `make qemu`, as for ./feuerbird-sim
ARGS :=

# How much the tests run at a time, and what `make run`, `make check` and `make test` compile
JOBS := $(shell nproc 2>/dev/null || echo 2)

WARN := -Wall -Wextra -Wpedantic -Werror
OPT  := -O2 -g
