# Real-time payment analytics: everything a developer calls. `make help` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCAL_DIR ?= .local
export LOCAL_DIR
INPUT ?=
SEND_ARGS ?=
DRILL_ARGS ?=
MUTANT_ARGS ?=
BENCH_ARGS ?=
FLAME_ARGS ?=
FUZZ_EXAMPLES ?= 2000
FUZZ_RUNS ?= 5000000
HISTORIES ?= 20000

# What the deployment's tests need beside .venv, where there is a terraform: see tests/infra/*.in.
TERRAFORM := $(shell command -v terraform)
INFRA_STAMP := .venv-infra/.made-$(shell cksum < tests/infra/requirements.txt | tr -d ' ')
CHECKOV_STAMP := .venv-checkov/.made-$(shell cksum < tests/infra/checkov.txt | tr -d ' ')
# And what runs a backtest's SQL, where there is a Java: see tests/engines.
JAVA := $(shell command -v java)
MAVEN := $(shell command -v mvn)
SPARK_STAMP := $(VENV)/.spark-$(shell cksum < tests/engines/requirements.txt | tr -d ' ')
TRINO_STAMP := .engines/.trino-$(shell cksum < tests/engines/pom.xml | tr -d ' ')
SCRIPTS := deploy.sh destroy.sh infra/*.sh .ci/run tests/infra/standin/docker

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

# What stops the stack must not first install anything.
IF_SET_UP := test -x $(BIN)/python || { echo "Nothing was set up here." >&2; exit 0; };

.DEFAULT_GOAL := help
.SHELLFLAGS := -ec

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

run: setup ## Start everything, send the sample (or INPUT=file.jsonl), show what came out; Ctrl-C stops it
	@$(BIN)/python -m infra.local run $(if $(INPUT),"$(INPUT)")

setup: $(VENV)/.run-$(shell cksum < infra/local/requirements.txt | tr -d ' ') ## Create .venv and install what the stack needs

up: setup ## Start the stack in the background and write .local/env
	@$(BIN)/python -m infra.local up

down: ## Stop the stack; its data stays
	@$(IF_SET_UP) $(BIN)/python -m infra.local down

status: ## Show the stack's processes
	@$(IF_SET_UP) $(BIN)/python -m infra.local status

send: setup ## Post INPUT=file.jsonl to the running stack
	@test -n "$(INPUT)" || { echo "make send needs INPUT=file.jsonl (one transaction a line)" >&2; exit 2; }
	@test -f "$(LOCAL_DIR)/env" || { echo "The stack is not up: make up" >&2; exit 1; }
	@. "$(abspath $(LOCAL_DIR))/env"; exec $(BIN)/python -m producer send $(SEND_ARGS) "$(INPUT)"

test: test-setup infra-setup engines-setup lint ## Install the test tools, lint, run all tests
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

test-infra: test-setup infra-setup lint-infra ## Test the deployment to AWS on an emulator (needs terraform)
	@$(BIN)/python -m pytest tests/infra $(PYTEST_ARGS)

fuzz: test-setup ## Fuzz for two hours: FUZZ_EXAMPLES an operation of the API, FUZZ_RUNS byte inputs a parser, HISTORIES of payments
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) FUZZ_RUNS=$(FUZZ_RUNS) HISTORIES=$(HISTORIES) $(BIN)/python -m pytest tests/fuzz tests/integration/test_histories.py --timeout=0 --durations=0 $(PYTEST_ARGS)

drills: test-setup ## Break a stack on purpose for hours, compare what came out by id (DRILL_ARGS="--only …"); the table: docs/drills.md
	@$(BIN)/python -m tests.drills $(if $(DRILL_ARGS),$(DRILL_ARGS),--long --markdown docs/drills.md)

bench: test-setup ## Measure every figure beside its limit, on two cores (Linux; 50 minutes); the table: docs/benchmarks.md
	@$(BIN)/python -m tests.bench $(if $(BENCH_ARGS),$(BENCH_ARGS),--markdown docs/benchmarks.md)

flames: test-setup ## Draw where the time of each hot path goes (py-spy; Linux): docs/flames
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/bench/requirements.txt
	@$(BIN)/python -m tests.bench.flames $(FLAME_ARGS)

pictures: test-setup ## Take the README's pictures anew (Chromium): docs/pictures
	@$(BIN)/python -m tests.pictures

mutants: test-setup ## Break the code on purpose for an hour, see whether tests notice; the table: docs/mutants.md
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/mutation/requirements.txt
	@$(BIN)/python -m tests.mutation --report docs/mutants.md $(MUTANT_ARGS)

lint: test-setup lint-infra ## ruff, mypy strict, import contracts, hadolint, shellcheck, terraform, checkov, compose file
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && echo "ruff: clean"
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint producer/Dockerfile consumer/Dockerfile && echo "hadolint: clean"
	@$(BIN)/shellcheck --external-sources $(SCRIPTS) && echo "shellcheck: clean"
	@if docker compose version >/dev/null 2>&1; then docker compose --profile '*' config -q && echo "docker compose config: clean"; \
		else echo "docker compose config: skipped, for docker compose is not installed" >&2; fi

# With INFRA_TESTS=required nothing is skipped.
lint-infra: infra-setup
ifdef TERRAFORM
	@terraform fmt -check -recursive infra && echo "terraform fmt: clean"
	@.venv-checkov/bin/checkov --config-file .checkov.yaml && echo "checkov: clean"
	@if terraform -chdir=infra init -backend=false -input=false -lockfile=readonly >/dev/null; \
		then terraform -chdir=infra validate; \
		else echo "terraform validate: skipped, for the AWS provider is not to be had" >&2; test "$(INFRA_TESTS)" != required; fi
endif

format: test-setup ## Format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: test-setup ## Resolve the requirements anew, with hashes
	@$(BIN)/python -m pip install --quiet uv
	@$(COMPILE) tests/requirements.in -o tests/requirements.txt
	@for part in infra/local producer consumer; do $(COMPILE) $$part/requirements.in -c tests/requirements.txt -o $$part/requirements.txt; done
	@for part in bench mutation engines; do $(COMPILE) tests/$$part/requirements.in -c tests/requirements.txt -o tests/$$part/requirements.txt; done
	@for part in requirements checkov; do $(COMPILE) tests/infra/$$part.in -o tests/infra/$$part.txt; done

clean: ## Stop the stack and drop all of its data
	@$(IF_SET_UP) $(BIN)/python -m infra.local clean

distclean: ## clean, and drop .venv and caches too
	@test ! -x $(BIN)/python || $(MAKE) --no-print-directory clean
	@rm -rf $(VENV) .venv-infra .venv-checkov .engines infra/.terraform .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

test-setup: $(VENV)/.test-$(shell cksum < tests/requirements.txt | tr -d ' ')

engines-setup: $(if $(JAVA),$(SPARK_STAMP) $(if $(MAVEN),$(TRINO_STAMP)))
	@$(if $(JAVA),true,echo "Backtests on Spark and Athena are not tested: java is not installed" >&2)
	@$(if $(MAVEN),true,echo "Backtests on Athena are not tested: mvn is not installed" >&2)

$(SPARK_STAMP): | $(VENV)/bin/pip
	@echo "Installing Spark for its tests (once; half a gigabyte, a minute or two) …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r tests/engines/requirements.txt
	@touch $@

$(TRINO_STAMP):
	@echo "Fetching Trino for Athena's tests (once; 90 MB) …" >&2
	@rm -rf .engines && mvn --quiet --batch-mode --file tests/engines/pom.xml dependency:copy-dependencies -DoutputDirectory="$(CURDIR)/.engines/trino"
	@touch $@

infra-setup: $(if $(TERRAFORM),$(INFRA_STAMP) $(CHECKOV_STAMP))
	@$(if $(TERRAFORM),true,echo "The deployment is not tested: terraform is not installed" >&2)

$(INFRA_STAMP): | $(VENV)/bin/pip
	@echo "Installing the emulator of the deployment's tests into .venv-infra (once; half a minute) …" >&2
	@$(BIN)/python -m venv --clear .venv-infra
	@.venv-infra/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r tests/infra/requirements.txt
	@touch $@

$(CHECKOV_STAMP): | $(VENV)/bin/pip
	@echo "Installing checkov into .venv-checkov (once; a minute) …" >&2
	@$(BIN)/python -m venv --clear .venv-checkov
	@.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r tests/infra/checkov.txt
	@touch $@

$(VENV)/.run-%: | $(VENV)/bin/pip
	@echo "Installing what the stack needs into .venv (once; about 250 MB, a minute or two) …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r infra/local/requirements.txt
	@touch $@

$(VENV)/.test-%: | $(VENV)/bin/pip
	@echo "Installing the test tools (once; a minute or two) …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r tests/requirements.txt
	@touch $@ $(VENV)/.run-$(shell cksum < infra/local/requirements.txt | tr -d ' ')

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with make PYTHON=python3.13 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "This Python cannot make a virtual environment (Debian: apt install python3-venv)" >&2; exit 1; }

.PHONY: help run setup up down status send test test-infra fuzz drills bench flames mutants lint lint-infra format lock clean distclean test-setup infra-setup
