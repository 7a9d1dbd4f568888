# Gridfront. `make help` lists the targets; V=1 shows commands, WERROR=1 makes warnings errors.

TREE   ?= release
ifeq ($(origin CC),default)
CC := gcc
endif
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
TREE_FLAGS_coverage := --coverage -fprofile-update=atomic -O1
CPPFLAGS += -D_GNU_SOURCE -Iinclude -I$(BUILD)/gen $(LIB_CFLAGS)
CFLAGS   += -std=gnu11 -g -fopenmp $(OPTIMIZE) $(WARNINGS) $(TREE_FLAGS_$(TREE))
LDLIBS   += $(LIB_LIBS) $(MPI_LIBS) -lm -ldl -lpthread

# Fast kernels are compiled once per instruction set and chosen when the program starts.
ISAS := portable $(if $(filter x86_64,$(shell uname -m)),avx2 avx512)
ISA_FLAGS_avx2   := -mavx2 -mfma
ISA_FLAGS_avx512 := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mprefer-vector-width=512

# ---- sources ----------------------------------------------------------------------------------
# The float64 engine has the reference kernels and no room that stores or prints float32.
ROOMS := base kernels pareto sweep farm store data nn compress deploy stage report
ROOMS_double := base kernels store data nn compress
SOURCES := $(foreach room,$(or $(ROOMS_$(TREE)),$(ROOMS)),\
             $(wildcard src/$(room)/*.c src/$(room)/*/*.c src/$(room)/*/*/*.c))
FAST    := $(wildcard src/kernels/fast/*.c)
PLAIN   := $(filter-out $(FAST),$(SOURCES)) $(EXTRA_METHODS)
OBJECTS := $(PLAIN:%.c=$(BUILD)/%.o) $(BUILD)/gen/registry.o \
           $(if $(filter double,$(TREE)),,$(foreach isa,$(ISAS),$(FAST:%.c=$(BUILD)/%.$(isa).o)))
LIBRARY := $(BUILD)/libgridfront.a
PROGRAM := $(BUILD)/gridfront
CLI     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/cli/*.c))
REGISTERED := $(wildcard src/nn/*/*.c src/data/*/*.c src/compress/*.c src/compress/*/*.c) \
              $(EXTRA_METHODS)

# What the programs of one folder share is linked into each of them.
SHARED_TESTS := $(wildcard tests/gradcheck/gradcheck.c tests/golden/reference.c)
tests_in = $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out $(SHARED_TESTS),$(wildcard tests/$(1)/*.c)))

ifeq ($(V),)
quiet = @echo "  $(1) $@";
endif

.SECONDARY:
.DEFAULT_GOAL := all
.PHONY: all libraries setup test run-tests programs unit conform gradcheck golden mpi e2e asan coverage \
        demo data bench check check-layers check-headers check-symbols check-format format tidy \
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
	  $(BUILD)/tests/test.o $(LIBRARY) $(LDFLAGS) $(LDLIBS) -lcunit

programs: $(call tests_in,unit) $(call tests_in,conform) $(call tests_in,golden) $(call tests_in,mpi) \
          $(if $(filter release,$(TREE)),build/tests/golden)
build/tests/golden: $(BUILD)/tests/golden/golden
	@mkdir -p $(@D) && ln -sf ../release/tests/golden/golden $@
gradcheck-programs: $(call tests_in,gradcheck)

unit conform golden mpi: all ## one kind of test
	@$(MAKE) --no-print-directory TREE=$(TREE) programs
	@sh tests/run.sh $@ $(call tests_in,$@)
gradcheck: ## gradients against finite differences, in float64
	@$(MAKE) --no-print-directory TREE=double gradcheck-programs
	@sh tests/run.sh gradcheck $(patsubst tests/%.c,build/double/tests/%,$(filter-out $(SHARED_TESTS),$(wildcard tests/gradcheck/*.c)))
e2e: all ## the program as people use it
	@sh tests/run.sh e2e $(wildcard tests/e2e/*.sh)

setup: ## install what is missing (asks sudo on Debian and Ubuntu)
	@sh hpc/install.sh
test: setup ## set up, then run every test
	@$(MAKE) --no-print-directory run-tests
run-tests:
	@rm -f build/test-counts
	@$(MAKE) --no-print-directory -j$(JOBS) all programs
	@$(MAKE) --no-print-directory -j$(JOBS) TREE=double gradcheck-programs
	@for kind in unit conform gradcheck golden mpi e2e; do \
	   $(MAKE) --no-print-directory $$kind || failed=1; done; \
	 sh tests/run.sh --sum && [ -z "$$failed" ]
asan: ## unit, conformance, golden and rank tests under ASan and UBSan
	@$(MAKE) --no-print-directory TREE=asan unit conform golden mpi
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

# ---- checks -----------------------------------------------------------------------------------
FORMATTED := $(wildcard include/gridfront/*.h src/*/*.[ch] src/*/*/*.[ch] src/*/*/*/*.[ch] \
                        tests/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch])

check: check-layers check-headers check-symbols check-format ## layers, headers, symbols, formatting
check-layers:
	@sh tests/check_layers.sh
check-headers:
	@for header in $(wildcard include/gridfront/*.h src/*/*.h src/*/*/*.h); do \
	   $(CC) $(CPPFLAGS) -std=gnu11 $(WARNINGS) $(MPI_CFLAGS) -fsyntax-only -x c \
	         -include $$header /dev/null || exit 1; \
	 done; echo "check-headers: every header compiles alone"
check-symbols: $(LIBRARY) # the linker finds a name defined twice only when it needs both
	@sh tests/check_symbols.sh $(LIBRARY)
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
