# The daily commands. PYTHON names the interpreter that has the harness and its tools installed.
PYTHON ?= .venv/bin/python
TESTS ?=
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help check lint format types test scenarios pages package

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

check: lint types ## linter, format and types, without a change

lint: ## linter and format
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

format: ## put format and imports right
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

types: ## mypy, strict
	$(PYTHON) -m mypy

test: ## all tests, or those of TESTS=PATHS, on JOBS=2 processes
	$(PYTHON) -m pytest -q -n $(JOBS) $(TESTS)

scenarios: ## the shipped scenarios, on the model
	$(PYTHON) -m pytest -q scenarios

pages: ## write the pages and schemas that are made of the code
	$(PYTHON) -m harness.report.lint > docs/lint-rules.md
	$(PYTHON) -c 'import json; from pathlib import Path; from harness.report.document.models import schema; Path("harness/report/document/schema.json").write_text(json.dumps(schema(), indent=2) + "\n")'

package: ## build wheel and sdist twice, check them, install and run them
	.ci/package
