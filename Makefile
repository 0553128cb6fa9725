# The front door. `make` builds, `make test` proves; everything else is for developers.
PRESET ?= release
BUILD := build/$(PRESET)
JOBS ?= $(shell nproc)
SOURCES = $(shell git ls-files '*.cpp' '*.h')

.PHONY: all ready test bench validate accuracy accuracy-serving accuracy-network calibrate calibrate-serving calibrate-network ratchet golden determinism tidy lint docs clean

all: ready
	cmake --build --preset $(PRESET) -j $(JOBS)

# Installs what is missing and configures; cheap when there is nothing to do.
ready:
	./setup --no-run
	cmake --preset $(PRESET) >/dev/null

test: all
	ctest --preset $(PRESET) -j $(JOBS)

# Measured speed, answers compared first. CALCULON=<checkout> runs that peer of the search beside us,
# BLIS=<checkout of inference-sim, its program built> that of the serving simulator;
# AZURE_TRACE=<csv> is the trace that serving is timed on, else one of its shape is generated.
AZURE_TRACE ?= ../shared/traces/AzureLLMInferenceTrace_conv.csv
bench: ready
	cmake --preset bench >/dev/null
	cmake --build --preset bench -j $(JOBS)
	build/bench/bench_search
	build/bench/bench_plan
	build/bench/bench_serving $(wildcard $(AZURE_TRACE))
	build/bench/bench_sizing
	build/bench/bench_netsim
	build/bench/bench_procure
	@if command -v valgrind >/dev/null; then bench/search/instructions.sh build/bench; \
	  else echo "instructions a mapping: skipped, valgrind is not installed (./setup --dev)"; fi

# Measured against predicted, source by source; make validate DATA=other.csv for other measurements.
DATA ?= validation/training_measurements.csv
validate: all
	$(BUILD)/tightrope validate training --data $(DATA)

# Rewrites docs/accuracy.md, its chart and README.md's figures from the committed table, and build/accuracy.html; with
# GRID=<table> also docs/accuracy_grid.md, whose table is not committed.
GRID ?= $(wildcard ../shared/data/training_mapping_grid_a100.csv)
accuracy: all
	$(BUILD)/tightrope validate training --leave-out --markdown docs/accuracy.md \
	  --html build/accuracy.html >build/accuracy.txt
	docs/readme_figures.sh
	$(if $(GRID),$(BUILD)/tightrope validate training --data $(GRID) \
	  --markdown docs/accuracy_grid.md >build/accuracy_grid.txt)

# The same for serving, whose table is not committed: docs/accuracy_serving.md. Some minutes; with the tables of MLPerf much longer.
SERVING ?= ../shared/data/serving_points.csv
accuracy-serving: all
	$(BUILD)/tightrope validate serving --data $(SERVING) --leave-out \
	  --markdown docs/accuracy_serving.md >build/accuracy_serving.txt

# Serving engines and decoding again, from measured points.
calibrate-serving: all
	$(BUILD)/tightrope calibrate serving --data $(SERVING) --out calibration/serving.toml

# The same for collectives: docs/accuracy_network.md. A minute.
CALIBRATION_DATA ?= ../shared/data
NETWORK ?= $(CALIBRATION_DATA)/catalog_network_measurements.csv \
  $(CALIBRATION_DATA)/kernels/collectives.csv $(CALIBRATION_DATA)/kernels/expert_alltoall.csv
accuracy-network: all
	$(BUILD)/tightrope validate network --data $(NETWORK) --leave-out \
	  --markdown docs/accuracy_network.md >build/accuracy_network.txt

# Direct all-reduces and expert exchanges again; links come from `calibrate`.
calibrate-network: all
	$(BUILD)/tightrope calibrate network --data $(NETWORK) --out calibration/network.toml

# Every fitted coefficient again, from a folder of measured tables, into calibration/. Takes minutes.
calibrate: all
	$(BUILD)/tightrope calibrate --data $(CALIBRATION_DATA) --out calibration

# Records today's errors of each group; `make test` fails when one gets worse. Review the diff.
ratchet: all
	$(BUILD)/ratchet --update validation/ratchet.csv

# Rewrites the expected output of the CLI sessions; review the diff.
golden: all
	$(BUILD)/golden_runner --update tests/golden/*.test

# The same bytes from g++ and clang.
determinism:
	tests/determinism/compilers.sh

# Format and lint with clang 19 (./setup --dev installs them). A file that passed is not linted again
# until it, a header or .clang-tidy changes, so a stopped run goes on where it was; all findings show.
LINT := build/lint
LINT_SOURCES := $(wildcard tightrope/*/*.cpp tightrope/*/*/*.cpp tests/golden/*.cpp tests/tidy/*.cpp)
LINT_HEADERS := $(wildcard tightrope/*/*.h tests/*/*.h)
tidy: ready
	clang-format-19 --dry-run --Werror $(SOURCES)
	+@$(MAKE) --no-print-directory --keep-going --output-sync -j $(JOBS) lint

lint: $(LINT_SOURCES:%.cpp=$(LINT)/%.passed)

$(LINT)/%.passed: %.cpp .clang-tidy $(LINT_HEADERS)
	@mkdir -p $(@D)
	@echo "lint $<"
	@clang-tidy-19 -quiet -p $(BUILD) $< >$(@:.passed=.log) 2>&1 || \
	  { grep -v 'warnings\? generated' $(@:.passed=.log); exit 1; }
	@touch $@

# Rewrites docs/formulas.md from the tags in tightrope/formula.
docs: all
	$(BUILD)/tidy . $(BUILD)/rooms.txt --docs >build/formulas.md
	mv build/formulas.md docs/formulas.md

clean:
	rm -rf build
