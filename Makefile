# What a developer asks for. `make help` lists it.

# The Python that makes the environment; left empty, the first of these that will do.
PYTHON ?=
PYTHONS = $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)

# Where the demonstration listens, and the tests to run: make test TESTS=tests/statements
PORT ?= 8000
TESTS ?= tests

# What the benchmark is told: make bench BENCH=--help
BENCH ?=

OPENAPI ?= dashtam.presentation.openapi.document

VENV = .venv
PY = $(VENV)/bin/python
RUN = $(VENV)/.run
DEVELOP = $(VENV)/.develop
PIP = $(PY) -m pip --quiet --disable-pip-version-check --no-input install
# One worker more than there are processors: tests wait for servers and browsers a quarter of their time.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1)))
PYTEST = $(PY) -m pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal --durations 40
LOCK = $(PY) -m uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	--extra postgres --extra redis --group build

MUTATION = $(VENV)/mutation
# Runs a command of a package from PyPI in an environment of its own.
TOOL = $(CURDIR)/$(PY) -m uv tool run -q --from

CHECKS = lint formatted types architecture dependencies unused spelling typescript

DASHBOARD = src/dashtam/presentation/web/dist/index.html
DASHBOARD_SOURCES = $(shell find dashboard/src dashboard/public dashboard/scripts -type f) \
	dashboard/index.html dashboard/package.json dashboard/package-lock.json dashboard/vite.config.ts

.DEFAULT_GOAL = help
.DELETE_ON_ERROR:
.PHONY: help demo dashboard screenshots test prove mutate wheel audit check $(CHECKS) format openapi lock bench clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUN) $(DASHBOARD) ## install, then serve sample data from .demo/ (PORT=8000)
	@$(VENV)/bin/dashtam demo --data .demo --port $(PORT)

dashboard: $(DASHBOARD) ## build the web page into the package

screenshots: $(DEVELOP) $(DASHBOARD) ## photograph the dashboard into docs/images
	@$(PY) tests/browser/screenshots.py docs/images

test: $(DEVELOP) $(DASHBOARD) ## the checks, then every test on both databases
	@$(MAKE) --no-print-directory check; checked=$$?; \
	$(PYTEST) $(TESTS) || exit $$?; \
	if [ $$checked -ne 0 ]; then echo "The tests passed; make check found the faults above them."; fi; \
	exit $$checked

prove: export PROVE = 1
prove: $(DEVELOP) $(DASHBOARD) ## every proof at full length; writes docs/reliability.md
	@$(PYTEST) -o faulthandler_timeout=0 $(TESTS)

check: $(DEVELOP) ## lint, format, types, architecture, dependencies, dead code, spelling
	@$(MAKE) --no-print-directory --keep-going -j 4 $(CHECKS)

# One check: a line when it passes, all that it says when it does not, never mixed with another's.
inspect = @said=$$($(1) 2>&1) && echo "$@: clean" || { printf '%s:\n%s\n' "$@" "$$said"; exit 1; }

lint:
	$(call inspect,$(PY) -m ruff check)
formatted:
	$(call inspect,$(PY) -m ruff format --check)
types:
	$(call inspect,$(PY) -m mypy)
architecture:
	$(call inspect,$(VENV)/bin/lint-imports)
dependencies:
	$(call inspect,$(PY) -m deptry .)
unused:
	$(call inspect,$(PY) -m vulture)
typescript:
	$(call inspect,$(PY) dashboard/build_dashboard.py check)
spelling:
	$(call inspect,$(VENV)/bin/codespell)

format: $(DEVELOP) ## rewrite the sources in the house's form
	@$(PY) -m ruff check --fix --exit-zero --quiet
	@$(PY) -m ruff format

openapi: $(DEVELOP) ## write docs/openapi.json from the routes
	@$(PY) -m $(OPENAPI) > $(VENV)/openapi.json
	@mv $(VENV)/openapi.json docs/openapi.json

lock: $(DEVELOP) ## write the lock files from pyproject.toml
	@$(LOCK) pyproject.toml -o requirements/run.txt
	@$(LOCK) --group develop pyproject.toml -o requirements/develop.txt

bench: $(DEVELOP) $(DASHBOARD) ## measure this machine, in about three minutes (BENCH="--users 2000")
	@$(PY) -m benchmarks $(BENCH)

mutate: $(DEVELOP) ## count the changes of MODULE=src/… that no test of TESTS=tests/… notices
	@mkdir -p $(MUTATION) && cp -r src tests docs examples dashboard/src pyproject.toml $(MUTATION)
	@printf '%s\n' '[cosmic-ray]' 'module-path = "$(MODULE)"' 'timeout = 90.0' \
		'test-command = "env PYTHONPATH=src $(CURDIR)/$(PY) -m pytest -x -n 0 --hypothesis-profile=mutation $(TESTS)"' \
		'[cosmic-ray.distributor]' 'name = "local"' '[cosmic-ray.filters.operators-filter]' \
		'exclude-operators = ["core/ReplaceBinaryOperator_BitOr_.*"]' > $(MUTATION)/mutation.toml
	@cd $(MUTATION) && rm -f session.sqlite && $(TOOL) cosmic-ray cosmic-ray init mutation.toml session.sqlite \
		&& $(TOOL) cosmic-ray cr-filter-operators session.sqlite mutation.toml \
		&& nice $(TOOL) cosmic-ray cosmic-ray exec mutation.toml session.sqlite \
		&& $(TOOL) cosmic-ray cr-report --show-diff --surviving-only session.sqlite

wheel: $(DEVELOP) $(DASHBOARD) ## build the package into dist/, with its bill of materials (CycloneDX)
	@$(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@PYTHONWARNINGS=ignore $(TOOL) cyclonedx-bom cyclonedx-py requirements requirements/run.txt --pyproject pyproject.toml \
		--output-reproducible --of JSON -o dist/dashtam.cdx.json

audit: $(DEVELOP) ## look for known faults in the locked dependencies
	@$(TOOL) pip-audit pip-audit --disable-pip --require-hashes -r requirements/run.txt

clean: ## remove the environment, the caches and the demonstration's data
	rm -rf $(VENV) .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DASHBOARD): $(DASHBOARD_SOURCES) docs/openapi.json | $(PY)
	@echo "Building the dashboard (about half a minute, the first time)."
	@$(PY) dashboard/build_dashboard.py

# The development environment holds everything that the demonstration needs, so it marks both.
$(DEVELOP): requirements/develop.txt pyproject.toml | $(PY)
	@echo "Installing what the tests need into $(VENV) (about a minute, once)."
	@$(PIP) --require-hashes -r requirements/develop.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $(RUN) $@

$(RUN): requirements/run.txt pyproject.toml | $(PY)
	@echo "Installing Dashtam into $(VENV) (about half a minute, once)."
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(PY):
	@seen=; bare=; for python in $(PYTHONS); do \
		found=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
		seen="$$seen $$python is $$found."; \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue; \
		if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
			exec "$$python" -m venv --clear $(VENV); \
		fi; \
		bare="$$python"; \
	done; \
	if [ -n "$$bare" ]; then \
		echo "$$bare cannot make a virtual environment: its modules venv and ensurepip are missing." >&2; \
		echo "On Debian and Ubuntu, install the package python3-venv; then run make again." >&2; \
	else \
		echo "Dashtam needs Python 3.11 or later.$${seen:- No Python was found.}" >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
	fi; \
	exit 1
