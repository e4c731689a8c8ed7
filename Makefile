.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
PROFILE ?= quick
PROFILES := quick laptop gpu paper

ifneq ($(words $(PROFILE)) $(words $(filter $(PROFILE),$(PROFILES))),1 1)
$(error unknown PROFILE '$(PROFILE)': expected one of $(PROFILES))
endif

# Folders may be given relative to the repository root; notebooks run elsewhere, so they get the whole path.
comma := ,
absolute = $(if $(filter /%,$(firstword $(1))),$(1),$(CURDIR)/$(1))
POINTVIDEO_CACHE ?= build
export PROFILE
override POINTVIDEO_CACHE := $(call absolute,$(POINTVIDEO_CACHE))
export POINTVIDEO_CACHE
ifneq ($(POINTVIDEO_DATA),)
override POINTVIDEO_DATA := $(call absolute,$(POINTVIDEO_DATA))
export POINTVIDEO_DATA
endif
ifneq ($(POINTVIDEO_GOLDENS),)
override POINTVIDEO_GOLDENS := $(call absolute,$(POINTVIDEO_GOLDENS))
export POINTVIDEO_GOLDENS
endif

# Without PASSIVE, a second process on the same cores costs far more than its share; it must stand before torch loads.
export OMP_WAIT_POLICY := PASSIVE
# One thread: the same numbers on any number of cores, and hardly slower for models of this size.
OMP_NUM_THREADS ?= 1
export OMP_NUM_THREADS
export THP_MEM_ALLOC_ENABLE := 1
export HF_HUB_OFFLINE := 1
export JUPYTER_PLATFORM_DIRS := 1

RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
BENCH_VENV ?= .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.installed
# $(call install,ENVIRONMENT,EXTRAS)
install = $(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v in [(3, 11), (3, 12)] else "PointVideo needs Python 3.11 or 3.12, found %d.%d: set PYTHON=/path/to/python3.11" % v)' \
	&& { $(1)/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(1); } \
	&& echo "installing the pinned packages into $(1) (about a minute)" \
	&& $(1)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(2)]'
timed = start=$$(date +%s); $(2); status=$$?; echo "$(1): $$(( $$(date +%s) - start )) s wall time"; exit $$status

C2P_TABLES := 1 2 3 4 5 6 6-msr 7 8 text longer released
.PHONY: help venv reproduce test test-fast test-gpu notebooks navigation nbval plan table-c2p-N $(C2P_TABLES:%=table-c2p-%) paper-c2p readme \
	which bench lint burn

help: ## show this list
	@echo "make TARGET [PROFILE=quick|laptop|gpu|paper] [POINTVIDEO_DATA=folder with recorded sets]"
	@awk -F ':.*## ' '/^[a-zN0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

venv: $(STAMP) ## make .venv from the pinned versions, where it is missing or stale

$(STAMP): pyproject.toml constraints.txt
	@rm -f $@
	@$(call install,$(VENV),dev)
	@touch $@

$(BENCH_STAMP): pyproject.toml constraints.txt
	@rm -f $@
	@$(call install,$(BENCH_VENV),dev$(comma)bench)
	@touch $@

reproduce: $(STAMP) ## execute every notebook at PROFILE, in order, into build/notebooks
	@$(call timed,make reproduce PROFILE=$(PROFILE),$(RUN) -m pointvideo.study.notebooks run --profile $(PROFILE))

test: $(STAMP) ## every test, slow ones and notebooks too; the last line gives the wall time
	@$(RUN) -m pytest

test-fast: $(STAMP) ## the tests that take seconds
	@$(RUN) -m pytest -m "not slow and not notebooks"

test-gpu: $(STAMP) ## the kernels at full size on the CUDA device at hand
	@$(RUN) -m pytest -m gpu

notebooks: $(STAMP) ## execute the committed notebooks in place at quick, for committing
	@$(call timed,make notebooks,$(RUN) -m pointvideo.study.notebooks navigate && $(RUN) -m pointvideo.study.notebooks run --profile quick --in-place)

navigation: $(STAMP) ## write the navigation bar into every notebook
	@$(RUN) -m pointvideo.study.notebooks navigate

nbval: $(STAMP) ## execute the committed notebooks again and compare their checked cells
	@$(RUN) -m pytest -m notebooks

plan: $(STAMP) ## list what would run at PROFILE, why, and for how long
	@$(VENV)/bin/pointvideo plan --profile $(PROFILE)

table-c2p-N: ## C2P's table N of 1 to 8, or 6-msr, text, longer, released: make table-c2p-4
	@echo "make $@: put a table's number for N: $(C2P_TABLES)" >&2; exit 2

$(C2P_TABLES:%=table-c2p-%): table-c2p-%: $(STAMP)
	@$(VENV)/bin/pointvideo table c2p $* --profile $(PROFILE)

paper-c2p: $(STAMP) ## every table and figure of C2P
	@$(VENV)/bin/pointvideo paper c2p --profile $(PROFILE)

readme: $(STAMP) ## write the committed results into the README
	@$(VENV)/bin/pointvideo readme

which: $(STAMP) ## read a figure's stamp: make which FIG=figures/...
	@test -n "$(FIG)" || { echo "make which: name the figure, as in make which FIG=figures/laptop/table.png" >&2; exit 2; }
	@$(VENV)/bin/pointvideo which "$(FIG)"

# With torch's own choice of pages: large ones, which it leaves off, help the baselines that touch much fresh memory.
bench: $(BENCH_STAMP) ## measure kernels and training steps, paired with plain torch and other libraries
	@THP_MEM_ALLOC_ENABLE=0 $(BENCH_VENV)/bin/python -m benchmarks

lint: $(STAMP) ## ruff over the code and the notebooks
	@$(RUN) -m ruff check lib tests benchmarks notebooks

burn: ## delete everything made, stores and runs included; with VENV_TOO=1 the .venv as well
	rm -rf "$(POINTVIDEO_CACHE)/stores" "$(POINTVIDEO_CACHE)/runs" "$(POINTVIDEO_CACHE)/notebooks" "$(CURDIR)/build"
	rm -rf .pytest_cache .hypothesis .ruff_cache
	find lib tests -name __pycache__ -prune -exec rm -rf {} +
	$(if $(VENV_TOO),rm -rf "$(VENV)" "$(BENCH_VENV)" lib/pointvideo.egg-info)
