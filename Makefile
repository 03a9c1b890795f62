# FeuerBird. `make help` lists the targets; knobs are in config.mk; everything generated is under build/.

include config.mk

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/sh
# Short lines; V=1 shows whole commands.
V :=
$(if $(V),,.SILENT:)
note = @printf '  %-6s %s\n' $(1) $(patsubst build/%,%,$@)
comma := ,

GEN     := build/gen
STD     := -std=c17 $(WARN) $(OPT) -fno-common -fno-strict-aliasing
INC     := -Iinclude -Isrc -I$(GEN)
DEPS     = -MMD -MP
# clang knows which lock guards what (src/hal/guard.h).
GUARDS   := $(if $(findstring clang,$(CC)),-Wthread-safety)
# Kernel core and LibOS: nothing but the compiler's own headers.
# What may only be read is not written through a cast either (-Wcast-qual).
FREE     = $(STD) -Wcast-qual -ffreestanding -nostdinc -isystem $(shell $(CC) -print-file-name=include) $(INC) $(GUARDS)
VERSION_DEF := -DFEUERBIRD_VERSION='"$(VERSION)"'

find_c   = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))
find_s   = $(sort $(shell find $(1) -name '*.S' 2>/dev/null))
objects  = $(patsubst %,$(1)/%.o,$(basename $(2)))

CORE_C    := $(call find_c,src/core src/bpf src/sha256 src/tree)
LIBOS_C   := $(call find_c,src/libos)
LIBOS_S   := $(call find_s,src/libos)
V6_C      := $(wildcard src/libos_v6/*.c)
HALX86_C  := $(wildcard src/hal/x86/*.c src/hal/*.c)
HOSTED_C  := $(wildcard src/hal/hosted/*.c) $(HALX86_C)
HOSTED_S  := $(wildcard src/hal/hosted/*.S)
STUB_SRC  := $(wildcard src/hal/hosted/stub/*.c src/hal/hosted/stub/*.S)
X86_C     := $(wildcard src/hal/x86_64/*.c) $(HALX86_C)
X86_S     := $(wildcard src/hal/x86_64/*.S)
X86USER   := $(wildcard src/hal/x86_64/user/*.c src/hal/x86_64/user/*.S)
FAKE_C    := $(call find_c,tests/support/fake tests/support/model) $(HALX86_C) src/hal/x86_64/virtq.c
GENERATED := $(GEN)/exo/calls.h $(GEN)/core_calls.h

.PHONY: first help run test deps hosted iso qemu root v6 v6-sim bench bench-peers bench-worst bench-held fuzz fuzz-build unit stress layers stack budget coverage clean docs

help:  ## This list
	@echo "FeuerBird $(VERSION): an exokernel with a POSIX LibOS. Targets:"
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 16
	@echo "Knobs (config.mk): V=1 CC= SAN=address,undefined|thread FUZZ_SECONDS= ARGS='-m 64M -- /bin/bash' JOBS="

run: deps hosted  ## Build the simulator and start it: a shell
	@./feuerbird-sim $(ARGS)

test: deps  ## Build everything and run every test on both targets
	@tests/run-all

deps:  ## Install what is missing from Debian (or say how)
	@tools/deps

# ---- generated from the call table ------------------------------------------------
build/tools/gen_calls: tools/gen_calls.c $(wildcard include/exo/*)
	@mkdir -p $(@D)
	$(call note,LD)
	$(CC) $(STD) -Iinclude -o $@ tools/gen_calls.c

$(GEN)/exo/calls.h: build/tools/gen_calls
	@mkdir -p $(@D)
	build/tools/gen_calls stubs > $@.new && mv $@.new $@

$(GEN)/core_calls.h: build/tools/gen_calls
	@mkdir -p $(@D)
	build/tools/gen_calls core > $@.new && mv $@.new $@

docs: build/tools/gen_calls  ## Regenerate docs/syscalls.md
	build/tools/gen_calls docs > docs/syscalls.md

# ---- hosted: the simulator --------------------------------------------------------
VARIANT  := hosted$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(filter clang,$(CC)),-clang)
H        := build/$(VARIANT)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
HOSTED_FLAGS := $(STD) $(GUARDS) -D_GNU_SOURCE $(INC) -I$(H) $(VERSION_DEF)
HOSTED_OBJ := $(call objects,$(H),$(CORE_C) $(LIBOS_C) $(LIBOS_S) $(HOSTED_C) $(HOSTED_S))
SIM      := $(if $(filter hosted,$(VARIANT)),feuerbird-sim,$(H)/feuerbird-sim)

hosted: $(SIM) build/root.cpio  ## Build ./feuerbird-sim (with SAN=…: build/hosted-…/feuerbird-sim)

# A panic walks the stack without loading a library.
HOSTED_LINK := -static-libgcc -pthread

$(SIM): $(HOSTED_OBJ)
	$(call note,LD)
	$(CC) $(SANFLAGS) -o $@ $^ $(HOSTED_LINK)

$(H)/src/core/%.o: src/core/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(FREE) $(SANFLAGS) $(DEPS) -c -o $@ $<

$(H)/src/bpf/%.o: src/bpf/%.c
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(FREE) $(SANFLAGS) $(DEPS) -c -o $@ $<

$(H)/src/tree/%.o: src/tree/%.c
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(FREE) $(SANFLAGS) $(DEPS) -c -o $@ $<

$(H)/src/sha256/%.o: src/sha256/%.c
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(FREE) $(SANFLAGS) $(DEPS) -c -o $@ $<

$(H)/src/libos/%.o: src/libos/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(FREE) $(SANFLAGS) $(DEPS) -c -o $@ $<

$(H)/src/libos_v6/%.o: src/libos_v6/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(FREE) $(SANFLAGS) $(DEPS) -c -o $@ $<

# The simulator with the teaching LibOS in the place of the POSIX one.
v6-sim: $(H)/feuerbird-v6
$(H)/feuerbird-v6: $(call objects,$(H),$(CORE_C) $(V6_C) $(HOSTED_C) $(HOSTED_S)) build/v6/archive.o
	$(call note,LD)
	$(CC) $(SANFLAGS) -o $@ $^ $(HOSTED_LINK)

$(H)/src/libos/%.o: src/libos/%.S
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(DEPS) -c -o $@ $<

$(H)/src/hal/%.o: src/hal/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(HOSTED_FLAGS) $(SANFLAGS) $(DEPS) -c -o $@ $<

# The blob of the stub is pulled in by an .incbin of build/hosted/stub.elf.
$(H)/src/hal/hosted/%.o: src/hal/hosted/%.S build/hosted/stub.elf
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) -Ibuild/hosted $(DEPS) -c -o $@ $<

STUB_FLAGS := $(STD) -D_GNU_SOURCE $(INC) -ffreestanding -fno-stack-protector -fno-pic -mcmodel=large -mno-red-zone \
	-fno-asynchronous-unwind-tables -fcf-protection=none -mgeneral-regs-only
build/hosted/stub.elf: $(STUB_SRC) $(wildcard src/hal/hosted/stub/*.h src/hal/hosted/*.h) src/hal/hosted/stub/stub.ld $(GENERATED)
	@mkdir -p $(@D)
	$(call note,LD)
	gcc $(STUB_FLAGS) -nostdlib -static -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments -T src/hal/hosted/stub/stub.ld -o $@ $(STUB_SRC)

# ---- programs and the root image --------------------------------------------------
BIN      := $(patsubst bin/%.c,build/bin/%,$(wildcard bin/*.c))

build/bin/%: bin/%.c $(GENERATED) $(wildcard include/exo/*.h include/exo/*.def include/libos/*.h bin/*.h)
	@mkdir -p $(@D)
	$(call note,LD)
	$(MUSL_CC) $(STD) -D_GNU_SOURCE -Iinclude -I$(GEN) -static -o $@ $(filter bin/%.c,$^)
# What is larger than a file has the others in a folder of its name.
build/bin/exo: $(wildcard bin/exo/*.[ch])

build/root.cpio: tools/mkroot $(BIN) build/bin/libos-v6.elf
	$(call note,ROOT)
	tools/mkroot $@ build/bin

root: build/root.cpio  ## Build the root image alone

# ---- x86_64: kernel, ring-3 LibOS, ISO ---------------------------------------------
X        := build/x86_64
RING3    := -mgeneral-regs-only -fno-stack-protector -fno-pic -fcf-protection=none -fno-asynchronous-unwind-tables \
	-fno-omit-frame-pointer
# A frame of a page or more could step over the guard page below its stack.
KFLAGS   := $(RING3) -mcmodel=kernel -mno-red-zone -Wframe-larger-than=2048
UFLAGS   := $(RING3)
KERNEL_OBJ := $(call objects,$(X)/kernel,$(CORE_C) $(X86_C) $(X86_S))
LIBOS_OBJ  := $(call objects,$(X)/user,$(LIBOS_C) $(LIBOS_S) $(X86USER))

iso: build/feuerbird.iso $(X)/attack.elf  ## Build build/feuerbird.iso, booted by GRUB2 under BIOS and UEFI
qemu: iso  ## Boot the ISO in QEMU, serial console on this terminal
	@tools/fb-qemu $(ARGS)

# Vector registers are used where they are the point; hal/x86_64/hash.c keeps the program's.
$(X)/kernel/src/hal/x86/%.o: KFLAGS := $(filter-out -mgeneral-regs-only,$(KFLAGS))
$(X)/kernel/%.o: %.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(FREE) $(VERSION_DEF) $(KFLAGS) $(DEPS) -c -o $@ $<

$(X)/kernel/%.o: %.S
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(INC) $(DEPS) -c -o $@ $<

$(X)/user/%.o: %.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(FREE) $(UFLAGS) $(DEPS) -c -o $@ $<

$(X)/user/%.o: %.S
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(INC) $(DEPS) -c -o $@ $<

LD_FLAGS := -nostdlib -static -Wl,--build-id=none,-z,noexecstack,-z,max-page-size=4096,--no-warn-rwx-segments

$(X)/feuerbird.elf: $(KERNEL_OBJ) src/hal/x86_64/kernel.ld src/hal/x86_64/symbols.sh
	$(call note,LD)
	src/hal/x86_64/symbols.sh $@ "$(CC)" "$(LD_FLAGS) -T src/hal/x86_64/kernel.ld" $(KERNEL_OBJ)

$(X)/libos.elf: $(LIBOS_OBJ) src/hal/x86_64/user/libos.ld
	$(call note,LD)
	$(CC) $(LD_FLAGS) -T src/hal/x86_64/user/libos.ld -o $@ $(LIBOS_OBJ) $(shell $(CC) -print-libgcc-file-name)

build/feuerbird.iso: $(X)/feuerbird.elf $(X)/libos.elf build/root.cpio tools/mkiso
	$(call note,ISO)
	tools/mkiso $@ $(X)/feuerbird.elf $(X)/libos.elf build/root.cpio

# ---- the teaching LibOS: its programs, their archive, one ring-3 ELF for both targets ---
V6        := build/v6
V6_PROGRAMS := $(patsubst src/libos_v6/user/%.c,$(V6)/bin/%,$(filter-out %/lib.c,$(wildcard src/libos_v6/user/*.c)))
V6_ETC    := $(wildcard src/libos_v6/etc/*)
V6_OBJ    := $(call objects,$(X)/user,$(V6_C) $(X86USER))
V6_LIB    := $(call objects,$(X)/user,src/libos_v6/user/crt.S src/libos_v6/user/lib.c src/hal/x86_64/user/mem.S)

$(V6)/bin/%: $(X)/user/src/libos_v6/user/%.o $(V6_LIB) src/hal/x86_64/user/libos.ld
	@mkdir -p $(@D)
	$(CC) $(LD_FLAGS) -s -T src/hal/x86_64/user/libos.ld -o $@ $< $(V6_LIB)

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
	$(CC) $(LD_FLAGS) -T src/hal/x86_64/user/libos.ld -o $@ $(V6_OBJ) $(V6)/archive.o

build/bin/libos-v6.elf: $(V6)/libos-v6.elf
	@mkdir -p $(@D)
	objcopy -g $< $@

# ---- a first LibOS that attacks the kernel (tests/first), for both targets --------------
first: $(X)/attack.elf $(H)/feuerbird-attack
$(X)/attack.elf: $(call objects,$(X)/user,$(call find_c,tests/first) $(X86USER)) src/hal/x86_64/user/libos.ld
	$(call note,LD)
	$(CC) $(LD_FLAGS) -T src/hal/x86_64/user/libos.ld -o $@ $(filter %.o,$^)
$(H)/feuerbird-attack: $(call objects,$(H),$(CORE_C) $(HOSTED_C) $(HOSTED_S) $(filter-out %/fatal.c,$(call find_c,tests/first)))
	$(call note,LD)
	$(CC) $(SANFLAGS) -o $@ $^ $(HOSTED_LINK)

v6: build/bin/libos-v6.elf  ## Build the teaching LibOS alone

# ---- unit tests on the fake HAL, under ASan+UBSan -----------------------------------
U         := build/unit
UNIT_SAN  := -fsanitize=address,undefined -fno-sanitize-recover=undefined
UNIT_FREE  = $(FREE) -O1 $(UNIT_SAN)
UNIT_LIBS := $(U)/libcore.a $(U)/liblibos.a $(U)/libfake.a
UNIT_TESTS := $(patsubst tests/unit/%.c,$(U)/%,$(wildcard tests/unit/*.c))

$(U)/obj/src/%.o: src/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(UNIT_FREE) $(DEPS) -c -o $@ $<
$(U)/obj/src/%.o: src/%.S
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(DEPS) -c -o $@ $<
$(U)/obj/src/hal/hosted/%.o: src/hal/hosted/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(HOSTED_FLAGS) -O1 $(UNIT_SAN) $(DEPS) -c -o $@ $<
$(U)/obj/src/hal/hosted/%.o: src/hal/hosted/%.S build/hosted/stub.elf
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) -Ibuild/hosted $(DEPS) -c -o $@ $<
$(U)/obj/tests/%.o: tests/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(STD) -D_GNU_SOURCE $(INC) -Itests/support -O1 $(UNIT_SAN) $(DEPS) -c -o $@ $<

$(U)/libcore.a: $(call objects,$(U)/obj,$(CORE_C))
	@rm -f $@ && ar rcs $@ $^
$(U)/liblibos.a: $(call objects,$(U)/obj,$(LIBOS_C) $(LIBOS_S))
	@rm -f $@ && ar rcs $@ $^
$(U)/libfake.a: $(call objects,$(U)/obj,$(FAKE_C))
	@rm -f $@ && ar rcs $@ $^
$(U)/libhosted.a: $(call objects,$(U)/obj,$(filter-out src/hal/hosted/main.c,$(HOSTED_C)) $(HOSTED_S))
	@rm -f $@ && ar rcs $@ $^

$(U)/hosted_%: $(U)/obj/tests/unit/hosted_%.o $(U)/libcore.a $(U)/libhosted.a
	$(call note,LD)
	$(CC) $(UNIT_SAN) -o $@ $< -Wl,--start-group $(U)/libcore.a $(U)/libhosted.a -Wl,--end-group -lcriterion -pthread
$(U)/%: $(U)/obj/tests/unit/%.o $(UNIT_LIBS)
	$(call note,LD)
	$(CC) $(UNIT_SAN) -o $@ $< -Wl,--start-group $(UNIT_LIBS) -Wl,--end-group -lcriterion

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

.PRECIOUS: $(U)/obj/tests/unit/%.o
unit: $(UNIT_TESTS)  ## Build and run the unit tests
	@tests/run-unit $(UNIT_TESTS)

# ---- stress: several CPUs in the core, on the fake HAL, under TSan and ASan+UBSan -------
STRESS_C := $(wildcard tests/stress/*.c)
# $(1): the sanitizers, $(2): their folder
define stress_rules
build/stress-$(2)/src/%.o: src/%.c $$(GENERATED)
	@mkdir -p $$(@D)
	$$(call note,CC)
	$$(CC) $$(FREE) -O1 -fsanitize=$(1) -fno-sanitize-recover=undefined $$(DEPS) -c -o $$@ $$<
build/stress-$(2)/tests/%.o: tests/%.c $$(GENERATED)
	@mkdir -p $$(@D)
	$$(call note,CC)
	$$(CC) $$(STD) -D_GNU_SOURCE $$(INC) -Itests -Itests/support -O1 -fsanitize=$(1) -fno-sanitize-recover=undefined $$(DEPS) -c -o $$@ $$<
build/stress-$(2)/src/hal/hosted/%.o: src/hal/hosted/%.c $$(GENERATED)
	@mkdir -p $$(@D)
	$$(call note,CC)
	$$(CC) $$(HOSTED_FLAGS) -O1 -fsanitize=$(1) -fno-sanitize-recover=undefined $$(DEPS) -c -o $$@ $$<
build/stress-$(2)/src/hal/hosted/%.o: src/hal/hosted/%.S build/hosted/stub.elf
	@mkdir -p $$(@D)
	$$(call note,CC)
	$$(CC) -Ibuild/hosted $$(DEPS) -c -o $$@ $$<
build/stress-$(2)/hosted_cpus: $$(call objects,build/stress-$(2),$$(CORE_C) $$(filter-out %/main.c,$$(HOSTED_C)) $$(HOSTED_S) tests/stress/hosted/cpus.c)
	$$(call note,LD)
	$$(CC) -fsanitize=$(1) -o $$@ $$^ -pthread
build/stress-$(2)/core_smp: $$(call objects,build/stress-$(2),$$(CORE_C) $$(filter-out tests/support/model/%,$$(FAKE_C)) $$(STRESS_C))
	$$(call note,LD)
	$$(CC) -fsanitize=$(1) -o $$@ $$^ -pthread
endef
$(eval $(call stress_rules,thread,thread))
$(eval $(call stress_rules,address$(comma)undefined,address))

STRESS_TESTS := $(foreach kind,thread address,build/stress-$(kind)/core_smp build/stress-$(kind)/hosted_cpus)
stress: $(STRESS_TESTS)  ## Several CPUs in the core at once (STRESS_SECONDS, STRESS_CPUS, STRESS_SEED)
	set -e; for t in $(STRESS_TESTS); do $$t; done

# ---- fuzzing: libFuzzer, ASan+UBSan, fake HAL ----------------------------------------
F         := build/fuzz
FUZZ_SAN  := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZ_LINK := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZ_FREE  = $(filter-out -nostdinc,$(STD)) -ffreestanding -nostdinc -isystem $(shell $(CLANG) -print-resource-dir)/include $(INC) -Wthread-safety -O1 $(FUZZ_SAN)
FUZZERS   := $(patsubst fuzz/%.c,$(F)/%,$(wildcard fuzz/*.c))
FUZZ_OBJ  := $(call objects,$(F)/obj,$(CORE_C) $(LIBOS_C) $(LIBOS_S) $(FAKE_C))

$(F)/obj/src/%.o: src/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CLANG) $(FUZZ_FREE) $(DEPS) -c -o $@ $<
$(F)/obj/src/%.o: src/%.S
	@mkdir -p $(@D)
	$(call note,CC)
	$(CLANG) $(DEPS) -c -o $@ $<
$(F)/obj/tests/%.o: tests/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CLANG) $(STD) -D_GNU_SOURCE $(INC) -Itests/support -O1 $(FUZZ_SAN) $(DEPS) -c -o $@ $<
$(F)/libfeuerbird.a: $(FUZZ_OBJ)
	@rm -f $@ && ar rcs $@ $^
$(F)/%: fuzz/%.c $(wildcard fuzz/*.h) $(F)/libfeuerbird.a
	$(call note,LD)
	$(CLANG) $(STD) -D_GNU_SOURCE $(INC) -Itests/support -O1 $(FUZZ_LINK) \
		-o $@ $< $(FUZZ_LIBS) $(F)/libfeuerbird.a
# The simulator's rewriter, against the processor.
FUZZ_TEXT := $(call objects,$(F)/obj,src/hal/hosted/text.c src/hal/hosted/decode.c)
$(F)/obj/src/hal/hosted/%.o: src/hal/hosted/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CLANG) $(filter-out $(GUARDS),$(HOSTED_FLAGS)) -O1 $(FUZZ_SAN) $(DEPS) -c -o $@ $<
$(F)/hosted_text: $(FUZZ_TEXT)
$(F)/hosted_text: FUZZ_LIBS := $(FUZZ_TEXT) -Wl,--wrap=host_decode_length
# The hash is compared with another one; nothing else needs it.
$(F)/core_sha256: FUZZ_LIBS := -lcrypto

# The teaching LibOS: its parsers alone, and all of it on the scripted machine.
$(F)/v6_files: $(F)/obj/src/libos_v6/archive.o
$(F)/v6_calls: build/v6/archive.o $(V6_C) src/libos_v6/v6.h
$(F)/v6_calls: FUZZ_LIBS := build/v6/archive.o
$(F)/v6_files: FUZZ_LIBS := $(F)/obj/src/libos_v6/archive.o

fuzz-build: $(FUZZERS)
fuzz: deps fuzz-build  ## Run every fuzz target for FUZZ_SECONDS (60)
	@tests/run-fuzz $(FUZZ_SECONDS) $(FUZZERS)

# ---- measures and checks --------------------------------------------------------------
# The core as the simulator has it, on a machine that does next to nothing; what the benchmark never uses of a
# machine comes from the scripted one.
BENCH_OBJ       := $(call objects,build/hosted,$(CORE_C) $(HALX86_C) tests/bench/machine.c) build/hosted/tests/bench/rest.o
BENCH_CORE_OBJ  := $(BENCH_OBJ) $(call objects,build/hosted,tests/bench/core.c tests/bench/flat.c)
BENCH_WORST_OBJ := $(BENCH_OBJ) $(call objects,build/hosted,tests/bench/tables.c $(wildcard tests/bench/worst*.c))
build/hosted/tests/%.o: tests/%.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,CC)
	$(CC) $(HOSTED_FLAGS) -Itests/support $(DEPS) -c -o $@ $<
build/hosted/tests/bench/rest.o: $(call objects,build/hosted,$(call find_c,tests/support/fake))
	$(call note,LD)
	ld -r -o $@ $^ && objcopy --weaken $@
build/tools/bench_core: $(BENCH_CORE_OBJ)
build/tools/bench_worst: $(BENCH_WORST_OBJ)
build/tools/bench_core build/tools/bench_worst:
	@mkdir -p $(@D)
	$(call note,LD)
	$(CC) -o $@ $^

bench: hosted iso build/tools/bench_core  ## Measure against native Linux, side by side
	@tools/bench
bench-worst: build/tools/bench_worst  ## The longest that each kernel call takes, with the largest states
	@build/tools/bench_worst
bench-held: hosted  ## How late a sleeper of root is while another user does his worst
	@tools/bench-held
bench-peers: hosted iso  ## The same beside User-Mode Linux, gVisor and Linux in QEMU
	@tools/bench-peers

layers: hosted v6-sim  ## Prove that dependencies point one way
	@tools/layers
# ---- stacks: gcc tells the frame of each function and whom it calls -------------------
STACK_CI := $(patsubst %.c,build/stack/%.ci,$(LIBOS_C))
build/stack/%.ci: %.c $(GENERATED)
	@mkdir -p $(@D)
	$(call note,STACK)
	gcc $(filter-out $(GUARDS),$(FREE)) $(UFLAGS) -g0 -fcallgraph-info=su -dumpdir $(@D)/ -MMD -MP -MF $(@:.ci=.d) -MT $@ -S -o /dev/null $<
stack: $(STACK_CI)  ## Prove that the LibOS's stacks are large enough
	@tools/stack
budget:  ## Count the lines of the kernel and of long files
	@tools/budget

coverage:  ## Which lines unit tests and fuzz corpora reach (needs Debian's llvm)
	@tools/coverage

clean:  ## Remove everything that was built
	rm -rf build feuerbird-sim

-include $(shell find build -path build/busybox -prune -o -type f -name '*.d' -print 2>/dev/null)
