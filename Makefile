.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
# Not given, a table is shown at the largest profile that has been run, and everything else is at quick.
ifneq ($(origin PROFILE),undefined)
export PROFILE
endif
PROFILE ?= quick
PROFILES := quick laptop gpu paper

ifneq ($(words $(PROFILE)) $(words $(filter $(PROFILE),$(PROFILES))),1 1)
$(error unknown PROFILE '$(PROFILE)': expected one of $(PROFILES))
endif

# Whatever a variable of the user's holds reaches the shell through the environment, as it stands: $(value …) keeps a
# "$" from being expanded, and recipes say "$$NAME". Notebooks run in another folder, so paths become whole ones.
comma := ,
empty :=
space := $(empty) $(empty)
absolute = $(if $(filter /% ~%,$(firstword $(1))),$(1),$(CURDIR)/$(1))
ifeq ($(value POINTVIDEO_CACHE),)
override POINTVIDEO_CACHE := build
endif
override POINTVIDEO_CACHE := $(call absolute,$(value POINTVIDEO_CACHE))
ifneq ($(value POINTVIDEO_DATA),)
override POINTVIDEO_DATA := $(call absolute,$(value POINTVIDEO_DATA))
export POINTVIDEO_DATA
endif
ifneq ($(value POINTVIDEO_GOLDENS),)
override POINTVIDEO_GOLDENS := $(call absolute,$(value POINTVIDEO_GOLDENS))
export POINTVIDEO_GOLDENS
endif
override FIG := $(value FIG)
export POINTVIDEO_CACHE FIG

# These become names of make's own files, which cannot hold everything that a path can.
define hash
#
endef
forbidden := $$ " ' ` \ : ; % * ? [ ] | & < > ( ) = ~ $(hash)
$(foreach name,PYTHON VENV BENCH_VENV,$(foreach sign,$(forbidden),\
	$(if $(findstring $(sign),$(value $(name))),$(error $(name) is '$(value $(name))': expected a path without $(sign)))))
$(foreach name,PYTHON VENV BENCH_VENV,$(if $(strip $(value $(name))),,$(error $(name) is empty: expected a path)))

# Without PASSIVE, a second process on the same cores costs far more than its share; it must stand before torch loads.
export OMP_WAIT_POLICY := PASSIVE
# One thread: the same numbers on any number of cores, and hardly slower for models of this size.
OMP_NUM_THREADS ?= 1
export OMP_NUM_THREADS
export THP_MEM_ALLOC_ENABLE := 1
export HF_HUB_OFFLINE := 1
export JUPYTER_PLATFORM_DIRS := 1

RUN := "$(VENV)/bin/python"
STAMP := $(subst $(space),\ ,$(VENV))/.installed
BENCH_STAMP := $(subst $(space),\ ,$(BENCH_VENV))/.installed
# $(call install,ENVIRONMENT,EXTRAS): only an environment, or a folder that is empty or missing, is ever made anew.
install = "$(PYTHON)" -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v in [(3, 11), (3, 12)] else "PointVideo needs Python 3.11 or 3.12, found %d.%d: set PYTHON=/path/to/python3.11" % v)' \
	&& if test -n "$$(ls -A "$(1)" 2>/dev/null)" && ! test -f "$(1)/pyvenv.cfg"; then \
		echo "$(1) is no environment of Python's: expected one, an empty folder, or none" >&2; exit 2; fi \
	&& { "$(1)/bin/python" -m pip --version >/dev/null 2>&1 || "$(1)/bin/python" -m ensurepip >/dev/null 2>&1 \
		|| "$(PYTHON)" -m venv --clear "$(1)"; } \
	&& echo "installing the pinned packages into $(1) (about a minute)" \
	&& "$(1)/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(2)]'
# A mistake in the arguments is said before anything is installed: for that the standard library will do.
known = PYTHONPATH=lib "$(PYTHON)" -m pointvideo --check
timed = start=$$(date +%s); $(2); status=$$?; echo "$(1): $$(( $$(date +%s) - start )) s wall time"; exit $$status

.PHONY: help venv reproduce test test-fast test-gpu notebooks navigation nbval kernel lab docs plan papers readme which \
	bench lint burn gpu-evidence gpu-wheels

help: ## show this list
	@echo "make TARGET [PROFILE=quick|laptop|gpu|paper] [JOBS=runs or pages side by side] [POINTVIDEO_DATA=folder with recorded sets]"
	@awk -F ':.*## ' '/^[a-z-]+(PAPER[-N]*)?:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

venv: $(STAMP) ## make .venv from the pinned versions, where it is missing or stale

$(STAMP): pyproject.toml constraints.txt
	@rm -f "$@"
	@$(call install,$(VENV),dev)
	@touch "$@"

$(BENCH_STAMP): pyproject.toml constraints.txt
	@rm -f "$@"
	@$(call install,$(BENCH_VENV),dev$(comma)bench)
	@touch "$@"

# Pages side by side: JOBS of them, or two where there are two cores.
side = $(if $(value JOBS),--jobs "$$JOBS")
reproduce: $(STAMP) ## execute every notebook at PROFILE into build/notebooks
	@$(call timed,make reproduce PROFILE=$(PROFILE),$(RUN) -m pointvideo.study.notebooks run --profile $(PROFILE) $(side))

# Two at a time, each file's tests in one process, the longest files first (tests/conftest.py).
test: $(STAMP) ## every test, slow ones and notebooks that changed too; the last line gives the wall time
	@$(RUN) -m pytest -n 2 --dist loadscope --no-loadscope-reorder

test-fast: $(STAMP) ## the tests that take seconds
	@$(RUN) -m pytest -m "not slow and not notebooks"

test-gpu: $(STAMP) ## the kernels at full size on the CUDA device at hand
	@$(RUN) -m pytest -m gpu

notebooks: $(STAMP) ## execute the committed notebooks in place at quick, for committing
	@$(call timed,make notebooks,$(RUN) -m pointvideo.study.notebooks navigate && $(RUN) -m pointvideo.study.notebooks run --profile quick --in-place $(side))

navigation: $(STAMP) ## write the navigation bar into every notebook
	@$(RUN) -m pointvideo.study.notebooks navigate

nbval: $(STAMP) ## execute all committed notebooks again, changed or not, and compare their checked cells
	@$(RUN) -m pytest -m notebooks --every-page

# The kernel's settings are those above, whatever Jupyter it is started from; its name is that of this environment alone.
SETTINGS := OMP_WAIT_POLICY OMP_NUM_THREADS THP_MEM_ALLOC_ENABLE HF_HUB_OFFLINE POINTVIDEO_CACHE \
	$(if $(value POINTVIDEO_DATA),POINTVIDEO_DATA) $(if $(value POINTVIDEO_GOLDENS),POINTVIDEO_GOLDENS)
kernel: $(STAMP) ## install the Jupyter kernel PointVideo into .venv, with the settings of this Makefile
	@$(RUN) -m ipykernel install --sys-prefix --name pointvideo --display-name PointVideo \
		$(foreach name,$(SETTINGS),--env $(name) "$$$(name)")

lab: kernel ## open page 00 in JupyterLab with the kernel PointVideo; further options in LAB=
	@$(RUN) -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb \
		--KernelSpecManager.allowed_kernelspecs=pointvideo --KernelSpecManager.ensure_native_kernel=False \
		--MappingKernelManager.default_kernel_name=pointvideo $(LAB)

docs: $(STAMP) ## make the site of pages and documents in build/site; nothing is executed
	@$(RUN) -m sphinx --quiet --fail-on-warning --keep-going -c docs/site . "$$POINTVIDEO_CACHE/site"
	@echo "open $$POINTVIDEO_CACHE/site/index.html"

papers: ## list the papers and their tables
	@PYTHONPATH=lib "$(PYTHON)" -m pointvideo papers

plan: $(STAMP) ## list what would run at PROFILE, why, and for how long
	@$(RUN) -m pointvideo plan

table-PAPER-N: ## show a table from the best evidence there is, in seconds: make table-c2p-4
run-PAPER-N: ## train what a table lacks at PROFILE, or ROWS= and SEEDS= of it, then write it: make run-c2p-4
power-PAPER: ## say how many seeds and hours would decide each claim: make power-c2p
paper-PAPER: ## train what any table of a paper lacks: make paper-c2p

# Patterns cannot be phony: they wait for FORCE instead. make would see to a plain prerequisite, $(STAMP), first.
.PHONY: FORCE
table-% run-% paper-% power-%: export STEM = $*
override JOBS := $(value JOBS)
override RAY := $(value RAY)
override ROWS := $(value ROWS)
override SEEDS := $(value SEEDS)
export JOBS RAY ROWS SEEDS
split = "$${STEM%%-*}" "$${STEM\#*-}"
where = $(if $(value RAY),--ray "$$RAY") $(if $(value JOBS),--jobs "$$JOBS")
some = $(if $(value ROWS),--rows "$$ROWS") $(if $(value SEEDS),--seeds "$$SEEDS")
environment = $(MAKE) --silent --no-print-directory venv

table-%: FORCE
	@$(known) table $(split) && $(environment) && $(RUN) -m pointvideo table $(split)

run-%: FORCE
	@$(known) run $(split) $(where) $(some) && $(environment) && $(RUN) -m pointvideo run $(split) $(where) $(some)

paper-%: FORCE
	@$(known) paper "$$STEM" $(where) $(some) && $(environment) && $(RUN) -m pointvideo paper "$$STEM" $(where)

power-%: FORCE
	@$(known) power "$$STEM" && $(environment) && $(RUN) -m pointvideo power "$$STEM"

readme: $(STAMP) ## write the committed results into README.md, docs/results and docs/speed.md
	@$(RUN) -m pointvideo readme

which: ## read a figure's stamp: make which FIG=figures/...
	@test -n "$$FIG" || { echo "make which: name the figure, as in make which FIG=figures/laptop/table.png" >&2; exit 2; }
	@$(known) which "$$FIG" && $(environment) && $(RUN) -m pointvideo which "$$FIG"

# With torch's own choice of pages: large ones, which it leaves off, help the baselines that touch much fresh memory.
bench: $(BENCH_STAMP) ## measure kernels and training steps, paired with plain torch and other libraries
	@THP_MEM_ALLOC_ENABLE=0 "$(BENCH_VENV)/bin/python" -m benchmarks

# For a bare machine: python3 as it is, no environment, nothing fetched (docs/gpu.md).
BUDGET ?= 540
PAPER ?= c2p
TABLE ?= 4
DEVICE ?= cuda
WHEELS ?= build/gpu_wheels
override OUT := $(if $(value OUT),$(call absolute,$(value OUT)))
export BUDGET PAPER TABLE DEVICE SEEDS WHEELS OUT ONLY
gpu-evidence: ## all that a GPU can show, within BUDGET seconds: tests, benchmark, seeds of PAPER's TABLE, authors' sizes
	@PYTHONPATH="lib$${PYTHONPATH:+:$$PYTHONPATH}" "$(PYTHON)" -m pointvideo.gpu_evidence --budget "$$BUDGET" --paper "$$PAPER" --table "$$TABLE" \
		--device "$$DEVICE" --wheels "$$WHEELS" $(if $(value SEEDS),--seeds "$$SEEDS") $(if $(value OUT),--out "$$OUT") \
		$(if $(value ONLY),--only "$$ONLY") $(if $(QUICK),--quick)

gpu-wheels: ## collect in WHEELS the few packages that a bare GPU machine may lack, to be carried there
	@PYTHONPATH=lib "$(PYTHON)" -m pointvideo.gpu_evidence.carried "$$WHEELS"

lint: $(STAMP) ## ruff over code, notebooks and documents
	@$(RUN) -m ruff check lib tests benchmarks notebooks docs && $(RUN) -m ruff format --check lib tests benchmarks

burn: ## delete what was made: stores, runs, pages, figures in the cache; with VENV_TOO=1 the environments as well
	@"$(PYTHON)" lib/pointvideo/burn.py $(if $(VENV_TOO),--venv "$(VENV)" --venv "$(BENCH_VENV)")
