# Gridfront. `make help` lists the targets; V=1 shows commands, WERROR=1 makes warnings errors.

TREE   ?= release
ifeq ($(origin CC),default)
CC := $(if $(filter fuzz,$(TREE)),clang,gcc)
endif
OBJCOPY ?= objcopy
PREFIX ?= /usr/local
JOBS   ?= $(shell nproc 2>/dev/null || echo 2)# for builds that test and demo start
BUILD  := build/$(TREE)

# ---- flags ------------------------------------------------------------------------------------
PACKAGES := libconfig libxxhash jansson zlib
HDF5     := $(shell pkg-config --exists hdf5 2>/dev/null && echo hdf5 || echo hdf5-serial)
BLAS     := openblas
MPI_CFLAGS := $(shell pkg-config --cflags ompi-c 2>/dev/null || mpicc --showme:compile 2>/dev/null)
MPI_LIBS   := $(shell pkg-config --libs ompi-c 2>/dev/null || mpicc --showme:link 2>/dev/null)
MISSING    := $(shell for name in $(PACKAGES) $(HDF5) $(BLAS) cunit; do \
                pkg-config --exists $$name 2>/dev/null || echo $$name; done) \
              $(if $(MPI_LIBS),,openmpi)
LIB_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) $(HDF5) $(BLAS) 2>/dev/null)
LIB_LIBS   := $(shell pkg-config --libs $(PACKAGES) $(HDF5) $(BLAS) 2>/dev/null)

WARNINGS := -Wall -Wextra -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wshadow \
            $(if $(WERROR),-Werror)
OPTIMIZE := -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off
TREE_FLAGS_asan   := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
                     -fno-omit-frame-pointer -O1
TREE_FLAGS_double := -DGF_DOUBLE
TREE_FLAGS_arm64-double := -DGF_DOUBLE
TREE_FLAGS_fuzz   := $(TREE_FLAGS_asan) -fsanitize=fuzzer-no-link -Wno-unknown-pragmas
TREE_FLAGS_coverage := --coverage -fprofile-update=atomic -O1
CPPFLAGS += -D_GNU_SOURCE -Iinclude -I$(BUILD)/gen $(LIB_CFLAGS)
CFLAGS   += -std=gnu11 -g -fopenmp $(OPTIMIZE) $(WARNINGS) $(TREE_FLAGS_$(TREE))
LDLIBS   += $(LIB_LIBS) $(MPI_LIBS) -lm -ldl -lpthread

# Fast kernels are compiled once per instruction set and chosen when the program starts.
ISAS := portable $(if $(filter x86_64%,$(shell $(CC) -dumpmachine)),avx2 avx512)
ISA_FLAGS_avx2   := -mavx2 -mfma
ISA_FLAGS_avx512 := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mprefer-vector-width=512
# Native bf16 kernels are left out where the compiler does not know the instructions.
BF16_FLAG := $(if $(filter avx512,$(ISAS)),$(shell echo 'int x;' | $(CC) -mavx512bf16 -fsyntax-only \
               -x c - 2>/dev/null && echo -mavx512bf16))

# ---- sources ----------------------------------------------------------------------------------
# The float64 engine has the reference kernels, no benchmarks of float32, and no room that stores or
# prints it.
ROOMS := base kernels pareto sweep farm store data nn compress deploy stage report
ROOMS_double := base kernels store data nn compress
ROOMS_arm64-double := $(ROOMS_double)
LEFT_OUT_double := src/kernels/bench.c src/kernels/machine.c
SOURCES := $(filter-out $(LEFT_OUT_$(TREE)),$(foreach room,$(or $(ROOMS_$(TREE)),$(ROOMS)),\
             $(wildcard src/$(room)/*.c src/$(room)/*/*.c src/$(room)/*/*/*.c)))
FAST    := $(wildcard src/kernels/fast/*.c)
NATIVE  := $(wildcard src/kernels/fast_bf16/*.c)
PLAIN   := $(filter-out $(FAST) $(NATIVE),$(SOURCES)) $(EXTRA_METHODS)
OBJECTS := $(PLAIN:%.c=$(BUILD)/%.o) $(BUILD)/gen/registry.o \
           $(if $(findstring double,$(TREE)),,$(foreach isa,$(ISAS),$(FAST:%.c=$(BUILD)/%.$(isa).o)) \
                                          $(if $(BF16_FLAG),$(NATIVE:%.c=$(BUILD)/%.o)))
LIBRARY := $(BUILD)/libgridfront.a
PROGRAM := $(BUILD)/gridfront
CLI     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/cli/*.c))
REGISTERED := $(wildcard src/nn/*/*.c src/data/*/*.c src/compress/*.c src/compress/*/*.c) \
              $(EXTRA_METHODS)

# What the programs of one folder share is linked into each of them.
SHARED_TESTS := $(addprefix tests/gradcheck/,gradcheck.c networks.c network_passes.c exact.c) tests/golden/reference.c
tests_in = $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out $(SHARED_TESTS),$(wildcard tests/$(1)/*.c)))

ifeq ($(V),)
quiet = @echo "  $(1) $@";
endif

.SECONDARY:
.DEFAULT_GOAL := all
.PHONY: all libraries slurm-test setup test run-tests programs unit conform check-pairs gradcheck golden fuzz fuzz-short mpi e2e asan arm64 coverage \
        demo data bench bench-torch bench-farm check check-layers check-headers check-symbols check-format check-readme readme format tidy \
        install clean help FORCE

all: $(PROGRAM) ## build/gridfront
	$(if $(filter release,$(TREE)),@ln -sf release/gridfront build/gridfront)

$(PROGRAM): $(CLI) $(LIBRARY)
	$(call quiet,LD) $(CC) $(CFLAGS) -rdynamic -o $@ $(CLI) $(LIBRARY) $(LDFLAGS) $(LDLIBS)

$(LIBRARY): $(OBJECTS)
	$(call quiet,AR) rm -f $@ && ar rcs $@ $(OBJECTS)

define compile
@mkdir -p $(@D)
$(call quiet,CC) $(CC) $(CPPFLAGS) $(if $(findstring /farm/,$@)$(findstring /mpi/,$@),$(MPI_CFLAGS)) \
	$(CFLAGS) $(1) -MMD -MP -c -o $@ $<
endef

$(BUILD)/src/cli/%.o: src/cli/%.c | $(BUILD)/gen/version.h libraries
	$(call compile)
$(BUILD)/gen/registry.o: $(BUILD)/gen/registry.c
	$(call compile)
$(BUILD)/src/report/html.o: $(wildcard src/report/html/*) # embedded by the assembler
$(BUILD)/%.o: %.c | libraries
	$(call compile)
libraries:
	@[ -z "$(strip $(MISSING))" ] || { echo "missing: $(strip $(MISSING)); run: make setup"; exit 1; } >&2
define isa_rule
$(BUILD)/src/kernels/fast/%.$(1).o: src/kernels/fast/%.c | libraries
	$$(call compile,-DGF_ISA=$(1) -ffp-contract=fast $(ISA_FLAGS_$(1)))
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))
$(BUILD)/src/kernels/fast_bf16/%.o: src/kernels/fast_bf16/%.c | libraries
	$(call compile,-DGF_ISA=avx512 -ffp-contract=fast $(ISA_FLAGS_avx512) $(BF16_FLAG))
$(BUILD)/src/kernels/dispatch.o: CPPFLAGS += $(if $(BF16_FLAG),-DGF_NATIVE_BF16)

# libFuzzer needs clang, the fast kernels are written for gcc: they stay as they are there.
ifeq ($(TREE),fuzz)
$(BUILD)/src/kernels/fast%.o: CC := gcc
$(BUILD)/src/kernels/fast%.o: TREE_FLAGS_fuzz :=
endif

# ---- generated --------------------------------------------------------------------------------
$(BUILD)/gen/registry.c: src/registry.sh $(REGISTERED)
	@mkdir -p $(@D)
	$(call quiet,GEN) sh src/registry.sh $(REGISTERED) > $@.new && mv $@.new $@

$(BUILD)/gen/version.h: FORCE
	@mkdir -p $(@D)
	@sh src/version.sh "$(CC)" "$(OPTIMIZE) $(TREE_FLAGS_$(TREE))" "$(PACKAGES) $(HDF5) $(BLAS)" > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

# ---- tests ------------------------------------------------------------------------------------
$(BUILD)/tests/%: tests/%.c $(SHARED_TESTS) $(BUILD)/tests/test.o $(LIBRARY)
	@mkdir -p $(@D)
	$(call quiet,LD) $(CC) $(CPPFLAGS) $(MPI_CFLAGS) $(CFLAGS) -MMD -MP -rdynamic -o $@ $< \
	  $(filter $(dir $<)%,$(SHARED_TESTS)) \
	  $(filter %.o,$^) $(LIBRARY) $(LDFLAGS) $(LDLIBS) -lcunit

# A harness is led by libFuzzer in its tree, elsewhere by a driver of ours.
FUZZ_SHARED := $(addprefix tests/fuzz/,folder.c nets.c use_study.c)
HARNESSES := $(filter-out $(FUZZ_SHARED) tests/fuzz/driver.c,$(wildcard tests/fuzz/*.c))
FUZZ_MAIN := $(if $(filter fuzz,$(TREE)),,$(BUILD)/tests/fuzz/driver.o)
$(FUZZ_SHARED:%.c=$(BUILD)/%.o) $(FUZZ_MAIN): # named: what make has not heard of loses to the rule above
$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(FUZZ_SHARED:%.c=$(BUILD)/%.o) $(FUZZ_MAIN) $(LIBRARY)
	@mkdir -p $(@D)
	$(call quiet,LD) $(CC) $(CPPFLAGS) $(CFLAGS) $(if $(FUZZ_MAIN),,-fsanitize=fuzzer) -MMD -MP -o $@ $< \
	  $(filter %.o,$^) $(LIBRARY) $(LDFLAGS) $(LDLIBS)
$(BUILD)/tests/fuzz/sweep: $(BUILD)/src/cli/schema.o

# The float64 engine as one object with one visible name, linked beside a float32 engine.
NETWORKS := $(addprefix $(BUILD)/tests/gradcheck/,networks.o network_passes.o)
EXACT := build/$(if $(filter arm64%,$(TREE)),arm64-)double/exact.o
ifneq ($(findstring double,$(TREE)),)
$(EXACT): $(BUILD)/tests/gradcheck/exact.o $(NETWORKS) $(LIBRARY)
	$(call quiet,LD) $(CC) -r -nostdlib -o $@.all $^ && \
	  $(OBJCOPY) --keep-global-symbol=exact_pass $@.all $@ && rm $@.all
else
$(EXACT): FORCE
	@$(MAKE) --no-print-directory TREE=$(patsubst build/%/exact.o,%,$@) $@
endif
$(BUILD)/tests/conform/networks: $(NETWORKS) $(EXACT)

FUZZ_PROGRAMS := $(HARNESSES:%.c=$(BUILD)/%)
programs: $(FUZZ_PROGRAMS) $(call tests_in,unit) $(call tests_in,conform) $(call tests_in,golden) $(call tests_in,mpi) \
          $(if $(filter release,$(TREE)),build/tests/golden)
build/tests/golden: $(BUILD)/tests/golden/golden
	@mkdir -p $(@D) && ln -sf ../release/tests/golden/golden $@
gradcheck-programs: $(call tests_in,gradcheck)

unit conform golden mpi: all ## one kind of test; mpi: RANKS=64 for the one with many
	@$(MAKE) --no-print-directory TREE=$(TREE) programs
	@sh tests/run.sh $@ $(call tests_in,$@)
gradcheck: ## gradients against finite differences, in float64
	@$(MAKE) --no-print-directory TREE=double gradcheck-programs
	@sh tests/run.sh gradcheck $(patsubst tests/%.c,build/double/tests/%,$(filter-out $(SHARED_TESTS),$(wildcard tests/gradcheck/*.c)))
check-pairs: all ## every ordered pair of methods, logged in results/techniques/pairs.txt; minutes
	@$(MAKE) --no-print-directory TREE=$(TREE) $(BUILD)/tests/conform/pairs
	@mkdir -p results/techniques
	@GRIDFRONT_PAIRS=results/techniques/pairs.txt $(BUILD)/tests/conform/pairs
fuzz-short: all ## hostile inputs for a moment: a fixed number of them
	@$(MAKE) --no-print-directory TREE=$(TREE) $(FUZZ_PROGRAMS)
	@sh tests/run.sh fuzz $(FUZZ_PROGRAMS)
SECONDS ?= 60
fuzz: ## hostile inputs led by coverage: libFuzzer, SECONDS=60 for each harness; needs clang
	@$(MAKE) --no-print-directory TREE=release $(HARNESSES:%.c=build/release/%)
	@$(MAKE) --no-print-directory TREE=fuzz $(HARNESSES:%.c=build/fuzz/%)
	@sh tests/fuzz/long.sh $(SECONDS) $(notdir $(basename $(HARNESSES)))
e2e: all ## the program as people use it
	@sh tests/run.sh e2e $(wildcard tests/e2e/*.sh)

slurm-test: all ## a sweep on a real one-node Slurm; ten minutes, as root
	@GRIDFRONT_SLOW=1 sh tests/run.sh e2e tests/e2e/slurm.sh

setup: ## install what is missing (asks sudo on Debian and Ubuntu)
	@sh hpc/install.sh
test: setup ## set up, then run every test
	@$(MAKE) --no-print-directory run-tests
run-tests:
	@rm -f build/test-counts
	@$(MAKE) --no-print-directory -j$(JOBS) all programs
	@$(MAKE) --no-print-directory -j$(JOBS) TREE=double gradcheck-programs
	@for kind in unit conform gradcheck golden fuzz-short mpi e2e; do \
	   $(MAKE) --no-print-directory $$kind || failed=1; done; \
	 sh tests/run.sh --sum && [ -z "$$failed" ]
asan: ## unit, conformance, golden and rank tests under ASan and UBSan
	@$(MAKE) --no-print-directory TREE=asan unit conform golden fuzz-short mpi
arm64: ## cross-compiled, and its tests under qemu
	@sh tests/arm64.sh
coverage: ## lines that the tests reach, room by room
	@$(MAKE) --no-print-directory TREE=coverage unit conform golden mpi
	@sh tests/coverage.sh build/coverage

demo: setup ## a small sweep on real images, from file to front
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@sh hpc/demo.sh
data: ## download and unpack all of CIFAR-10
	@sh hpc/data.sh
bench: all ## images per second of training on this machine
	@build/gridfront bench
bench-torch: all ## images per second beside PyTorch's, where python3 has it; takes minutes
	@sh tests/bench/against_torch.sh
bench-farm: all ## empty tasks per second beside mpi4py.futures; takes minutes
	@sh tests/bench/farm_peers.sh

# ---- checks -----------------------------------------------------------------------------------
FORMATTED := $(wildcard include/gridfront/*.h src/*/*.[ch] src/*/*/*.[ch] src/*/*/*/*.[ch] \
                        tests/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch])

check: check-layers check-headers check-symbols check-format check-readme ## layers, headers, symbols, formatting, readme
check-layers:
	@sh tests/check_layers.sh
check-headers:
	@for header in $(wildcard include/gridfront/*.h src/*/*.h src/*/*/*.h); do \
	   $(CC) $(CPPFLAGS) -std=gnu11 $(WARNINGS) $(MPI_CFLAGS) -fsyntax-only -x c \
	         -include $$header /dev/null || exit 1; \
	 done; echo "check-headers: every header compiles alone"
check-symbols: $(LIBRARY) # the linker finds a name defined twice only when it needs both
	@sh tests/check_symbols.sh $(LIBRARY)
check-readme: all # its table of techniques is made from the registry
	@sh tests/readme.sh
readme: all ## the table of techniques in README.md, from the registry
	@sh tests/readme.sh --write
check-format:
	@if command -v clang-format >/dev/null; then \
	   clang-format --dry-run --Werror $(FORMATTED) && echo "check-format: formatted"; \
	 else echo "check-format: SKIP, no clang-format here"; fi
format: ## reformat everything
	clang-format -i $(FORMATTED)
tidy: ## clang-tidy over all rooms, with .clang-tidy
	clang-tidy --quiet $(PLAIN) $(wildcard src/cli/*.c) -- -std=gnu11 -fopenmp $(CPPFLAGS) $(MPI_CFLAGS)

install: all ## into PREFIX (DESTDIR honoured)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/gridfront
	install $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/gridfront
	cp -r sweeps hpc $(DESTDIR)$(PREFIX)/share/gridfront/
clean: ## remove build
	rm -rf build
help:
	@grep -E '^[a-z0-9 -]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | sort | \
	  awk -F '\t' '{ printf "  make %-24s %s\n", $$1, $$2 }'

-include $(OBJECTS:.o=.d) $(CLI:.o=.d) $(wildcard $(BUILD)/tests/*/*.d $(BUILD)/tests/*.d)
