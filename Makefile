# FeuerBird. `make help` lists the targets; knobs are in config.mk; everything generated is under build/.

include config.mk

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/sh
.DELETE_ON_ERROR:
.SECONDEXPANSION:
# The test runners read it.
export JOBS
# Short lines; V=1 shows whole commands.
V :=
$(if $(V),,.SILENT:)
note = @printf '  %-6s %s\n' $(1) $(patsubst build/%,%,$@)
comma := ,

GEN     := build/gen
STD     := -std=c17 $(WARN) $(OPT) -fno-common -fno-strict-aliasing
INC     := -Iinclude -Isrc -I$(GEN)
DEPS     = -MMD -MP

# ---- how things are compiled ----------------------------------------------------------
# $(call headers,COMPILER): the folder of its own headers. It is asked once, and only when something is compiled: `make deps`
# works where no compiler is yet.
headers  = $(or $(headers_of_$(subst /,_,$(firstword $1))),$(eval headers_of_$(subst /,_,$(firstword $1)) := \
	$(shell $1 -print-file-name=include))$(headers_of_$(subst /,_,$(firstword $1))))
# clang knows which lock guards what (src/hal/guard.h).
guards   = $(if $(findstring clang,$1),-Wthread-safety)
# Kernel core and LibOS: nothing but the compiler's own headers.
# What may only be read is not written through a cast either (-Wcast-qual).
free     = $1 $(STD) -Wcast-qual -ffreestanding -nostdinc -isystem $(call headers,$1) $(INC) $(call guards,$1)
# What runs on the host: the simulator's HAL and tests
on_host  = $1 $(STD) $(call guards,$1) -D_GNU_SOURCE $(INC)
FREE     = $(call free,$(CC))
ON_HOST  = $(call on_host,$(CC))

# A file that ends in /flags holds the command $(command/FILE). It is written when something that depends on it is asked for and
# the command is another one than last time, and what depends on it is made again.
differs  = $(if $(subst [$(strip $(file <$1))],,[$(strip $(command/$1))]),stale)
%/flags: $$(call differs,$$@)
	@mkdir -p $(@D) && printf '%s\n' '$(subst ','\'',$(strip $(command/$@)))' > $@
# Named here, so that they are no files in passing, which make would remove.
.PHONY: stale flags
flags: build/tools/flags build/fuzz/flags build/tools/bench/flags build/stack/flags

# $(call compile,OBJECTS,SOURCES,COMMAND[,COMPILER]): the one rule that makes objects. What is in the folder SOURCES or below
# it, and in no folder that has a rule of its own, is compiled by COMMAND (COMPILER for assembly) to the same place below OBJECTS.
define compile
OBJECT_FOLDERS += $(1)
command/$(1)/$(2)/flags = $(3)
flags: $(1)/$(2)/flags
$(1)/$(2)/%.o: $(2)/%.c $(1)/$(2)/flags | $(GENERATED)
	@mkdir -p $$(@D)
	$$(call note,CC)
	$$(command/$(1)/$(2)/flags) $$(DEPS) -c -o $$@ $$<
$(1)/$(2)/%.o: $(2)/%.S $(1)/$(2)/flags | $(GENERATED)
	@mkdir -p $$(@D)
	$$(call note,CC)
	$(or $(4),$$(CC)) $(INC) -Ibuild/hosted $$(DEPS) -c -o $$@ $$<
endef

find_c   = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))
find_s   = $(sort $(shell find $(1) -name '*.S' 2>/dev/null))
objects  = $(patsubst %,$(1)/%.o,$(basename $(2)))

CORE_C    := $(call find_c,src/core src/bpf src/sha256 src/tree)
LIBOS_C   := $(call find_c,src/libos)
LIBOS_S   := $(call find_s,src/libos)
V6_C      := $(wildcard src/libos_v6/*.c)
HALX86_C  := $(wildcard src/hal/x86/*.c src/hal/*.c)
HOSTED_C  := $(wildcard src/hal/hosted/*.c) $(HALX86_C) $(GEN)/version.c
HOSTED_S  := $(wildcard src/hal/hosted/*.S)
# The command line, which tests of the HAL do without
COMMAND_C := src/hal/hosted/main.c src/hal/hosted/request.c
STUB_SRC  := $(wildcard src/hal/hosted/stub/*.c src/hal/hosted/stub/*.S)
X86_C     := $(wildcard src/hal/x86_64/*.c) $(HALX86_C) $(GEN)/version.c
X86_S     := $(wildcard src/hal/x86_64/*.S)
X86USER   := $(wildcard src/hal/x86_64/user/*.c src/hal/x86_64/user/*.S)
FAKE_C    := $(call find_c,tests/support/fake tests/support/model) $(HALX86_C) src/hal/x86_64/virtq.c
GENERATED := $(GEN)/exo/calls.h $(GEN)/core_calls.h

# What a target makes first with a make of its own, as many at a time as there are processors if nobody said how many.
build = @$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

##@ Run
.PHONY: run qemu
# What the last command at the prompt left is no error of make; 125 says that nothing started.
AT_PROMPT := $(if $(ARGS),,|| [ $$$$? != 125 ])
# The packages come first, and then a make that finds them.
run:  ## Start the simulator: a shell (ARGS: its options and program)
	@tools/deps run
	$(build) hosted
	@./$(SIM) $(ARGS) $(AT_PROMPT)
qemu:  ## The same in QEMU, serial console on this terminal
	@tools/deps qemu
	$(build) iso
	@tools/fb-qemu $(ARGS) $(AT_PROMPT)

##@ Build
.PHONY: deps hosted iso root v6 v6-sim dist docs clean
deps:  ## Install what is missing for all this, tests too (or say how)
	@tools/deps test
hosted: $$(SIM) build/root.cpio  ## ./feuerbird-sim (SAN=, CC=clang: build/hosted-…/feuerbird-sim)
iso: build/feuerbird.iso $$(X)/attack.elf  ## build/feuerbird.iso, for BIOS and UEFI
root: build/root.cpio  ## build/root.cpio, the root image
v6: build/bin/libos-v6.elf  ## build/v6/libos-v6.elf, the teaching LibOS
v6-sim: $$(H)/feuerbird-v6  ## The simulator with the teaching LibOS inside
dist: iso  ## build/dist: sources, ISO, root image, SHA256SUMS of this commit
	@tools/mkdist build/dist $(VERSION)
docs: build/tools/gen_calls  ## docs/syscalls.md, from include/exo/calls.def
	build/tools/gen_calls docs > docs/syscalls.md
clean:  ## Remove everything that was built
	rm -rf build feuerbird-sim

##@ Test
.PHONY: check test conformance tests unit stress fuzz unit-build stress-build fuzz-build first
check: deps  ## Unit tests, system tests in the simulator
	@tests/run-all check
test: deps  ## Everything on both targets, as CI does
	@tests/run-all
conformance:  ## The long tests (LONG="stress fuzz": only these)
	@tests/run-long $(LONG)
tests: deps  ## Build all test programs, run none
	$(build) $(TEST_PROGRAMS)
	@tests/run-system build
	@tests/hostile/run build
unit: unit-build  ## Unit tests on the scripted HAL, with ASan and UBSan
	@tests/run-unit $(UNIT_TESTS)
stress: stress-build  ## Several CPUs in the core at once (STRESS_SECONDS=, …)
	set -e; for t in $(STRESS_TESTS); do $$t; done
fuzz: deps  ## Each fuzz target for FUZZ_SECONDS
	$(build) fuzz-build
	@tests/run-fuzz $(FUZZ_SECONDS) $(FUZZERS)
unit-build: $$(UNIT_TESTS)
stress-build: $$(STRESS_TESTS)
fuzz-build: $$(FUZZERS)
first: $$(X)/attack.elf $$(H)/feuerbird-attack

##@ Checks of the sources
.PHONY: layers stack budget commits coverage
layers: hosted v6-sim  ## Dependencies point one way
	@tools/layers
stack: $$(STACK_CI)  ## The LibOS's stacks are large enough
	@tools/stack
budget:  ## Lines of the kernel, long files
	@tools/budget
commits:  ## Subjects and bodies of the commits beyond origin/main
	@tools/check-commits
coverage:  ## Lines that unit tests and corpora reach (needs Debian's llvm)
	@tools/coverage

##@ Measure
.PHONY: bench bench-worst bench-held bench-peers
bench: hosted iso build/tools/bench_core  ## Beside native Linux, in the same run
	@tools/bench
bench-worst: build/tools/bench_worst  ## The longest that each kernel call takes
	@build/tools/bench_worst
bench-held: hosted  ## How late root's sleeper is while another user does his worst
	@tools/bench-held
bench-peers: hosted iso  ## Beside User-Mode Linux, gVisor and Linux in QEMU
	@tools/bench-peers

.PHONY: help
help:
	@echo "FeuerBird $(VERSION_TEXT): an exokernel with a POSIX LibOS. Targets:"
	@sed -n -e 's/^##@ \(.*\)/\n\1/p' -e 's/^\([a-z0-9-]*\):.*  ## /  \1\t/p' Makefile | expand -t 16
	@echo
	@echo "Knobs (config.mk): V=1 CC= OPT= SAN=address,undefined|thread JOBS="
	@echo "FUZZ_SECONDS= ARGS='-m 64M -- /bin/bash'"

# ---- generated from the call table ------------------------------------------------
# gcc whatever CC is, so that another compiler does not make them, and all that includes them, again.
command/build/tools/flags = gcc -std=c17 $(WARN) -O1 -Iinclude
OBJECT_FOLDERS += build/tools
build/tools/gen_calls: tools/gen_calls.c build/tools/flags
	$(call note,LD)
	$(command/build/tools/flags) $(DEPS) -MF $@.d -MT $@ -o $@ $<

$(GEN)/exo/calls.h: build/tools/gen_calls
	@mkdir -p $(@D)
	build/tools/gen_calls stubs > $@
$(GEN)/core_calls.h: build/tools/gen_calls
	build/tools/gen_calls core > $@

# The one object that is made again at each commit. "flags" is what the version is, as for a command.
VERSION_TEXT = $(eval VERSION_TEXT := $(shell tools/version '$(VERSION)'))$(VERSION_TEXT)
command/$(GEN)/version/flags = $(VERSION_TEXT)
flags: $(GEN)/version/flags
$(GEN)/version.c: $(GEN)/version/flags
	printf '#include <hal/version.h>\nconst char hal_version[] = "%s";\n' "$$(cat $<)" > $@

# ---- hosted: the simulator --------------------------------------------------------
VARIANT  := hosted$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(filter clang,$(CC)),-clang)
H        := build/$(VARIANT)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
HOSTED_OBJ := $(call objects,$(H),$(CORE_C) $(LIBOS_C) $(LIBOS_S) $(HOSTED_C) $(HOSTED_S))
SIM      := $(if $(filter hosted,$(VARIANT)),feuerbird-sim,$(H)/feuerbird-sim)

$(eval $(call compile,$(H),src,$$(FREE) $$(SANFLAGS)))
$(eval $(call compile,$(H),src/hal,$$(ON_HOST) $$(SANFLAGS)))
$(eval $(call compile,$(H),$(GEN),$$(ON_HOST) $$(SANFLAGS)))
$(eval $(call compile,$(H),tests,$$(ON_HOST) -Itests/support $$(SANFLAGS)))

# A panic walks the stack without loading a library.
HOSTED_LINK := -static-libgcc -pthread

$(SIM): $(HOSTED_OBJ)
	$(call note,LD)
	$(CC) $(SANFLAGS) -o $@ $^ $(HOSTED_LINK)

# The simulator with the teaching LibOS in the place of the POSIX one.
$(H)/feuerbird-v6: $(call objects,$(H),$(CORE_C) $(V6_C) $(HOSTED_C) $(HOSTED_S)) build/v6/archive.o
	$(call note,LD)
	$(CC) $(SANFLAGS) -o $@ $^ $(HOSTED_LINK)

# gcc whatever CC is, as for all that runs inside.
STUB_FLAGS := -ffreestanding -fno-stack-protector -fno-pic -mcmodel=large -mno-red-zone -fno-asynchronous-unwind-tables \
	-fcf-protection=none -mgeneral-regs-only
$(eval $(call compile,build/hosted/stub,src,$$(call on_host,gcc) $$(STUB_FLAGS),gcc))
build/hosted/stub.elf: $(call objects,build/hosted/stub,$(STUB_SRC)) src/hal/hosted/stub/stub.ld
	$(call note,LD)
	gcc -nostdlib -static -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments -T src/hal/hosted/stub/stub.ld -o $@ $(filter %.o,$^)

# ---- programs and the root image --------------------------------------------------
BIN      := $(patsubst bin/%.c,build/bin/%,$(wildcard bin/*.c))

# The image does not tell in which folder it was made.
$(eval $(call compile,build/obj,bin,$$(MUSL_CC) $$(STD) -D_GNU_SOURCE -Iinclude -I$(GEN) -ffile-prefix-map=$(CURDIR)=.))
# What is larger than a file has the others in a folder of its name.
$(foreach name,$(notdir $(BIN)),$(eval build/bin/$(name): $(call objects,build/obj,bin/$(name).c $(wildcard bin/$(name)/*.c))))
$(BIN):
	@mkdir -p $(@D)
	$(call note,LD)
	$(MUSL_CC) -static -o $@ $^

build/root.cpio: tools/mkroot $(BIN) build/bin/libos-v6.elf
	$(call note,ROOT)
	tools/mkroot $@ build/bin

# ---- x86_64: kernel, ring-3 LibOS, ISO ---------------------------------------------
X        := build/x86_64
RING3    := -mgeneral-regs-only -fno-stack-protector -fno-pic -fcf-protection=none -fno-asynchronous-unwind-tables \
	-fno-omit-frame-pointer
# A frame of a page or more could step over the guard page below its stack.
KFLAGS   := $(RING3) -mcmodel=kernel -mno-red-zone -Wframe-larger-than=2048
UFLAGS   := $(RING3)
KERNEL_OBJ := $(call objects,$(X)/kernel,$(CORE_C) $(X86_C) $(X86_S))
LIBOS_OBJ  := $(call objects,$(X)/user,$(LIBOS_C) $(LIBOS_S) $(X86USER))

$(eval $(call compile,$(X)/kernel,src,$$(FREE) $$(KFLAGS)))
# Vector registers are used where they are the point; hal/x86_64/hash.c keeps the program's.
$(eval $(call compile,$(X)/kernel,src/hal/x86,$$(FREE) $$(filter-out -mgeneral-regs-only,$$(KFLAGS))))
$(eval $(call compile,$(X)/kernel,$(GEN),$$(FREE) $$(KFLAGS)))
$(eval $(call compile,$(X)/user,src,$$(FREE) $$(UFLAGS)))
$(eval $(call compile,$(X)/user,tests,$$(FREE) $$(UFLAGS)))

LD_FLAGS := -nostdlib -static -Wl,--build-id=none,-z,noexecstack,-z,max-page-size=4096,--no-warn-rwx-segments

$(X)/feuerbird.elf: $(KERNEL_OBJ) src/hal/x86_64/kernel.ld src/hal/x86_64/symbols.sh
	$(call note,LD)
	src/hal/x86_64/symbols.sh $@ "$(CC)" "$(LD_FLAGS) -T src/hal/x86_64/kernel.ld" $(KERNEL_OBJ)

$(X)/libos.elf: $(LIBOS_OBJ) src/hal/x86_64/user/libos.ld
	$(call note,LD)
	$(CC) $(LD_FLAGS) -T src/hal/x86_64/user/libos.ld -o $@ $(LIBOS_OBJ) $$($(CC) -print-libgcc-file-name)

build/feuerbird.iso: $(X)/feuerbird.elf $(X)/libos.elf build/root.cpio tools/mkiso src/hal/x86_64/grub.cfg
	$(call note,ISO)
	tools/mkiso $@ $(X)/feuerbird.elf $(X)/libos.elf build/root.cpio

# ---- the teaching LibOS: its programs, their archive, one ring-3 ELF for both targets ---
# It is a file of the root image, which is the same whatever CC is.
V6        := build/v6
V6_PROGRAMS := $(patsubst src/libos_v6/user/%.c,$(V6)/bin/%,$(filter-out %/lib.c,$(wildcard src/libos_v6/user/*.c)))
V6_ETC    := $(wildcard src/libos_v6/etc/*)
V6_OBJ    := $(call objects,$(V6)/obj,$(V6_C) $(X86USER))
V6_LIB    := $(call objects,$(V6)/obj,src/libos_v6/user/crt.S src/libos_v6/user/lib.c src/hal/x86_64/user/mem.S)

$(eval $(call compile,$(V6)/obj,src,$$(call free,gcc) $$(UFLAGS),gcc))

$(V6_PROGRAMS): $(V6)/bin/%: $(V6)/obj/src/libos_v6/user/%.o $(V6_LIB) src/hal/x86_64/user/libos.ld
	@mkdir -p $(@D)
	gcc $(LD_FLAGS) -s -T src/hal/x86_64/user/libos.ld -o $@ $< $(V6_LIB)

# Names, dates and owners are fixed, so that the same input gives the same bytes.
$(V6)/archive.cpio: $(V6_PROGRAMS) $(V6_ETC)
	$(call note,ROOT)
	@rm -rf $(V6)/tree && mkdir -p $(V6)/tree/bin $(V6)/tree/etc
	@cp $(V6_PROGRAMS) $(V6)/tree/bin && cp $(V6_ETC) $(V6)/tree/etc && find $(V6)/tree -exec touch -d @1700000000 {} +
	cd $(V6)/tree && find * | LC_ALL=C sort | cpio --quiet --reproducible -R 0:0 -o -H newc > ../archive.cpio.new
	mv $@.new $@

$(V6)/archive.o: $(V6)/archive.cpio
	cd $(V6) && ld -r -b binary -z noexecstack -o archive.o archive.cpio && \
		objcopy --rename-section .data=.rodata,alloc,load,readonly,data,contents archive.o

$(V6)/libos-v6.elf: $(V6_OBJ) $(V6)/archive.o src/hal/x86_64/user/libos.ld
	$(call note,LD)
	gcc $(LD_FLAGS) -T src/hal/x86_64/user/libos.ld -o $@ $(V6_OBJ) $(V6)/archive.o

build/bin/libos-v6.elf: $(V6)/libos-v6.elf
	@mkdir -p $(@D)
	objcopy -g $< $@

# ---- a first LibOS that attacks the kernel (tests/first), for both targets --------------
$(X)/attack.elf: $(call objects,$(X)/user,$(call find_c,tests/first) $(X86USER)) src/hal/x86_64/user/libos.ld
	$(call note,LD)
	$(CC) $(LD_FLAGS) -T src/hal/x86_64/user/libos.ld -o $@ $(filter %.o,$^)
$(H)/feuerbird-attack: $(call objects,$(H),$(CORE_C) $(HOSTED_C) $(HOSTED_S) $(filter-out %/fatal.c,$(call find_c,tests/first)))
	$(call note,LD)
	$(CC) $(SANFLAGS) -o $@ $^ $(HOSTED_LINK)

# ---- unit tests on the fake HAL, under ASan+UBSan -----------------------------------
U         := build/unit
UNIT_SAN  := -fsanitize=address,undefined -fno-sanitize-recover=undefined
UNIT_LIBS := $(U)/libcore.a $(U)/liblibos.a $(U)/libfake.a
UNIT_TESTS := $(patsubst tests/unit/%.c,$(U)/%,$(wildcard tests/unit/*.c))

$(eval $(call compile,$(U)/obj,src,$$(FREE) -O1 $$(UNIT_SAN)))
$(eval $(call compile,$(U)/obj,src/hal/hosted,$$(ON_HOST) -O1 $$(UNIT_SAN)))
$(eval $(call compile,$(U)/obj,$(GEN),$$(ON_HOST) -O1 $$(UNIT_SAN)))
$(eval $(call compile,$(U)/obj,tests,$$(ON_HOST) -Itests/support -O1 $$(UNIT_SAN)))

$(U)/libcore.a: $(call objects,$(U)/obj,$(CORE_C))
$(U)/liblibos.a: $(call objects,$(U)/obj,$(LIBOS_C) $(LIBOS_S))
$(U)/libfake.a: $(call objects,$(U)/obj,$(FAKE_C))
$(U)/libhosted.a: $(call objects,$(U)/obj,$(filter-out $(COMMAND_C),$(HOSTED_C)) $(HOSTED_S))
$(UNIT_LIBS) $(U)/libhosted.a:
	@rm -f $@ && ar rcs $@ $^

UNIT_LINK = $(CC) $(UNIT_SAN) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group -lcriterion -pthread
$(filter $(U)/hosted_%,$(UNIT_TESTS)): $(U)/%: $(U)/obj/tests/unit/%.o $(U)/libcore.a $(U)/libhosted.a
	$(call note,LD)
	$(UNIT_LINK)
$(filter-out $(U)/hosted_%,$(UNIT_TESTS)): $(U)/%: $(U)/obj/tests/unit/%.o $(UNIT_LIBS)
	$(call note,LD)
	$(UNIT_LINK)

# For tools/mutate: with a runner that costs little (tests/support/quick.c), all tests of the core in one program, and
# linked in the least time.
QUICK_LINK = $(CC) $(UNIT_SAN) -fuse-ld=gold -o $@ -Wl,--start-group $^ -Wl,--end-group
$(U)/quick-core: $(call objects,$(U)/obj,$(CORE_C) $(wildcard tests/unit/core_*.c) tests/support/quick.c) \
		$(U)/liblibos.a $(U)/libfake.a
	$(call note,LD)
	$(QUICK_LINK)
$(U)/quick-libos_%: $(U)/obj/tests/unit/libos_%.o $(U)/obj/tests/support/quick.o $(UNIT_LIBS)
	$(call note,LD)
	$(QUICK_LINK)

# ---- stress: several CPUs in the core, on the fake HAL, under TSan and ASan+UBSan -------
STRESS_C := $(wildcard tests/stress/*.c)
# $(1): the folder's end, $(2): the sanitizers
define stress_rules
STRESS_$(1) = -O1 -fsanitize=$(2) -fno-sanitize-recover=undefined
$(call compile,build/stress-$(1),src,$$(FREE) $$(STRESS_$(1)))
$(call compile,build/stress-$(1),src/hal/hosted,$$(ON_HOST) $$(STRESS_$(1)))
$(call compile,build/stress-$(1),$(GEN),$$(ON_HOST) $$(STRESS_$(1)))
$(call compile,build/stress-$(1),tests,$$(ON_HOST) -Itests -Itests/support $$(STRESS_$(1)))
build/stress-$(1)/hosted_cpus: $(call objects,build/stress-$(1),$(CORE_C) $(filter-out $(COMMAND_C),$(HOSTED_C)) $(HOSTED_S) tests/stress/hosted/cpus.c)
build/stress-$(1)/core_smp: $(call objects,build/stress-$(1),$(CORE_C) $(filter-out tests/support/model/%,$(FAKE_C)) $(STRESS_C))
build/stress-$(1)/hosted_cpus build/stress-$(1)/core_smp:
	$$(call note,LD)
	$$(CC) -fsanitize=$(2) -o $$@ $$^ -pthread
endef
$(eval $(call stress_rules,thread,thread))
$(eval $(call stress_rules,address,address$(comma)undefined))

STRESS_TESTS := $(foreach kind,thread address,build/stress-$(kind)/core_smp build/stress-$(kind)/hosted_cpus)

# The stub is inside an object by .incbin, of which the compiler tells nothing.
$(patsubst %,%/src/hal/hosted/blob.o,$(H) $(U)/obj build/stress-thread build/stress-address): build/hosted/stub.elf

# ---- fuzzing: libFuzzer, ASan+UBSan, fake HAL ----------------------------------------
F         := build/fuzz
FUZZ_SAN  := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZ_LINK := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZERS   := $(patsubst fuzz/%.c,$(F)/%,$(wildcard fuzz/*.c))
FUZZ_OBJ  := $(call objects,$(F)/obj,$(CORE_C) $(LIBOS_C) $(LIBOS_S) $(FAKE_C))

$(eval $(call compile,$(F)/obj,src,$$(call free,$$(CLANG)) -O1 $$(FUZZ_SAN),$$(CLANG)))
$(eval $(call compile,$(F)/obj,src/hal/hosted,$$(call on_host,$$(CLANG)) -O1 $$(FUZZ_SAN),$$(CLANG)))
# Tests look at the core without its lock.
$(eval $(call compile,$(F)/obj,tests,$$(CLANG) $$(STD) -D_GNU_SOURCE $$(INC) -Itests/support -O1 $$(FUZZ_SAN),$$(CLANG)))

$(F)/libfeuerbird.a: $(FUZZ_OBJ)
	@rm -f $@ && ar rcs $@ $^
command/$(F)/flags = $(CLANG) $(STD) -D_GNU_SOURCE $(INC) -Itests/support -O1 $(FUZZ_LINK)
$(FUZZERS): $(F)/%: fuzz/%.c $(wildcard fuzz/*.h) $(F)/libfeuerbird.a $(F)/flags
	$(call note,LD)
	$(command/$(F)/flags) -o $@ $< $(FUZZ_LIBS) $(F)/libfeuerbird.a
# The simulator's rewriter, against the processor.
FUZZ_TEXT := $(call objects,$(F)/obj,src/hal/hosted/text.c src/hal/hosted/decode.c)
$(F)/hosted_text: $(FUZZ_TEXT)
$(F)/hosted_text: FUZZ_LIBS := $(FUZZ_TEXT) -Wl,--wrap=host_decode_length
# The hash is compared with another one; nothing else needs it.
$(F)/core_sha256: FUZZ_LIBS := -lcrypto

# The teaching LibOS: its parsers alone, and all of it on the scripted machine.
$(F)/v6_files: $(F)/obj/src/libos_v6/archive.o
$(F)/v6_calls: build/v6/archive.o $(V6_C) src/libos_v6/v6.h
$(F)/v6_calls: FUZZ_LIBS := build/v6/archive.o
$(F)/v6_files: FUZZ_LIBS := $(F)/obj/src/libos_v6/archive.o

# ---- measures and checks --------------------------------------------------------------
# The core as the simulator has it, on a machine that does next to nothing; what the benchmark never uses of a
# machine comes from the scripted one.
BENCH_OBJ       := $(call objects,$(H),$(CORE_C) $(HALX86_C) tests/bench/machine.c) $(H)/tests/bench/rest.o
BENCH_CORE_OBJ  := $(BENCH_OBJ) $(call objects,$(H),tests/bench/core.c tests/bench/flat.c)
BENCH_WORST_OBJ := $(BENCH_OBJ) $(call objects,$(H),tests/bench/tables.c $(wildcard tests/bench/worst*.c))
$(H)/tests/bench/rest.o: $(call objects,$(H),$(call find_c,tests/support/fake))
	$(call note,LD)
	ld -r -o $@ $^ && objcopy --weaken $@
build/tools/bench_core: $(BENCH_CORE_OBJ)
build/tools/bench_worst: $(BENCH_WORST_OBJ)
# Of which variant they are
command/build/tools/bench/flags = $(CC) $(SANFLAGS)
build/tools/bench_core build/tools/bench_worst: build/tools/bench/flags
	$(call note,LD)
	$(CC) $(SANFLAGS) -o $@ $(filter %.o,$^)

# gcc tells the frame of each function and whom it calls.
STACK_CI := $(patsubst %.c,build/stack/%.ci,$(LIBOS_C))
OBJECT_FOLDERS += build/stack
command/build/stack/flags = $(call free,gcc) $(UFLAGS) -g0 -fcallgraph-info=su
build/stack/%.ci: %.c build/stack/flags | $(GENERATED)
	@mkdir -p $(@D)
	$(call note,STACK)
	$(command/build/stack/flags) -dumpdir $(@D)/ $(DEPS) -MF $(@:.ci=.d) -MT $@ -S -o /dev/null $<

TEST_PROGRAMS = hosted iso first v6-sim $(UNIT_TESTS) $(STRESS_TESTS) $(FUZZERS) build/tools/bench_core build/tools/bench_worst

BUILT := $(wildcard $(sort $(OBJECT_FOLDERS)))
-include $(if $(BUILT),$(shell find $(BUILT) -name '*.d'))
