# `make help` says what there is. Settings come from the environment: PORT, HOST, DATA_DIR, BEAT=off, UV=1 (install with uv).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test walk faults check lock reset clean

# Compiled tests are kept for the next run, also where images switch that off: compiling takes longer than collecting.
unexport PYTHONDONTWRITEBYTECODE

python := .venv/bin/python
compile := uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run the portal with everything it needs, in the foreground; Ctrl-C stops it
	@.ci/environment run
	@exec $(python) -m complaints_portal.launcher run

test: ## Run the tests on a PostgreSQL and a Valkey of their own
	@.ci/environment dev
	@.ci/browser
	@exec .ci/tests

walk: ## Open every page in a browser, by day and by night, on a desk and on a phone, and hold it to axe-core's rules
	@.ci/environment dev
	@.ci/browser
	@exec .ci/walk

faults: ## Kill, stop, fill and hang whatever the portal needs, at the whole sizes: about half an hour
	@.ci/environment dev
	@.ci/faults
	@# One at a time, on services of their own: they stop them.
	@FAULTS=full env -u DATABASE_URL -u REDIS_URL $(python) -m pytest tests_faults -n 0 -p no:randomly

check: ## Run the tests and all other checks, as CI does
	@.ci/run

lock: ## Write requirements*.txt anew from pyproject.toml, with hashes (needs uv)
	$(compile) pyproject.toml -o requirements.txt
	$(compile) --group embedded -o requirements-embedded.txt
	$(compile) --group dev -c requirements.txt -o requirements-dev.txt

reset: ## Throw away the database, the queue and the evidence, after asking
	@.ci/environment run
	@exec $(python) -m complaints_portal.launcher reset $(if $(YES),--yes)

clean: ## Remove what can be made again: the virtual environment, caches, the tests' data; not the portal's data
	@# As root the tests' clusters may be elsewhere, behind links.
	@find .data/test -maxdepth 2 -name services -type l -exec readlink -f {} + 2>/dev/null | xargs -r rm -rf
	rm -rf .venv .data/test .data/check .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
