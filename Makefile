# make test    everything, from nothing: the environment, the static checks, the tests  (TESTS=tests/unit, ARGS="-k uid")
# make fuzz    the tests of properties with new examples, 5,000 of each                 (TESTS=tests/unit/test_content.py)
# make demo    sample mailboxes on an embedded server, archived, in the console         (ARGS=--headless)
# make bench   speed against mbsync and a bare socket                                   (ARGS=...)
# make bench-cluster  runs by workers, and what they foretell of a large archive
# make pictures  the pictures of the console in the README and the manual
# make check   the static checks alone
# make lock    requirements.lock from pyproject.toml
# make wheel   dist/archivar-*.whl
# make man     the pages for man, in build/man
# make clean   nothing but the sources left
#
# PYTHON=/path/to/python3 chooses the interpreter of the environment. ARCHIVAR_ODD_MAIL=/path/to/archive.tar names more odd
# mail, one raw message a file, to be tested beside what the tests make. With CI=true the slowest tests are listed.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:

TESTS ?= tests
ARGS ?=
WORKERS ?= 4
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export PYTHON
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Compiled modules are kept, whatever the environment says: thousands of processes of the tests would compile them anew.
export PYTHONDONTWRITEBYTECODE :=

# An environment whose interpreter has gone, or which came here from another folder, is made anew.
FIT := $(shell grep -qsF '$(CURDIR)/$(VENV)/bin/python' $(BIN)/pip && $(BIN)/python -c '' 2>/dev/null && echo fit)

.PHONY: test fuzz demo bench bench-scale bench-cluster pictures check lock wheel man clean stale

# The tests are compiled once beside the checks, not by each worker at the same moment.
test: $(READY)
	@.ci/needs dovecot-imapd isync openssl postgresql prometheus slapd tmux
	@code=0; \
	$(BIN)/python -m pytest --collect-only -q $(TESTS) >/dev/null 2>&1 </dev/null & compiling=$$!; \
	$(MAKE) --no-print-directory check || code=1; \
	wait $$compiling || true; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(if $(CI),--durations=20) $(TESTS) $(ARGS) || code=1; \
	exit $$code

# Which properties fail and with what is printed; an example that failed becomes an @example of its test.
fuzz: $(READY)
	@HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n $(WORKERS) \
	  $(if $(filter tests,$(TESTS)),$$(grep -rl '^from hypothesis' tests/unit),$(TESTS)) -k 'not growth' $(ARGS)

demo: $(READY)
	@$(BIN)/archivar demo $(ARGS)

bench: $(READY)
	@.ci/needs dovecot-imapd isync slapd
	@$(BIN)/python -m tests.benchmarks $(ARGS)

# Takes up to 20 minutes; ARGS="--messages 100000" takes one.
bench-scale: $(READY)
	@$(BIN)/python -m tests.benchmarks.scale $(ARGS)

# Takes up to 10 minutes on a quiet machine of two processors.
bench-cluster: $(READY)
	@.ci/needs dovecot-imapd postgresql
	@$(BIN)/python -m tests.benchmarks.cluster $(ARGS)

pictures: $(READY)
	@$(BIN)/python -m tests.pictures $(ARGS)

check: $(READY)
	@code=0; \
	$(BIN)/ruff check . || code=1; \
	$(BIN)/ruff format --check . || code=1; \
	$(BIN)/mypy || code=1; \
	$(BIN)/lint-imports || code=1; \
	exit $$code

# Hashes and markers for every platform and every Python from 3.11 on; no registry's address. Versions stay as they are
# unless pyproject.toml or ARGS (--upgrade, --upgrade-package NAME) want others.
lock:
	@python=$$(.ci/needs python); \
	folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	"$$python" -m venv "$$folder"; \
	"$$folder/bin/pip" install -qq uv; \
	"$$folder/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --extra demo --extra cluster --extra test --group install \
	  --output-file requirements.lock $(ARGS) pyproject.toml >/dev/null

wheel: $(READY)
	@$(BIN)/python -m build --wheel --no-isolation

man: $(READY)
	@$(BIN)/python -m core.manual build/man

clean:
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml $(if $(FIT),,stale)
	@python=$$(.ci/needs python); \
	echo "Making $(VENV) with $$("$$python" --version) ($$python); this takes about a minute ..."; \
	rm -rf $(VENV); \
	"$$python" -m venv $(VENV); \
	$(BIN)/python -m pip install -qq --require-hashes -r requirements.lock; \
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .; \
	touch $@
