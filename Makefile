# Everything there is to do with this project. `make` alone lists it. The environment is .venv.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

WORKERS ?= 2
BIN := .venv/bin
SOURCES := src tests tools benchmarks
FOUND := $(wildcard $(SOURCES))

# The first Python that is new enough; `make PYTHON=/path/to/python3.12 demo` names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

define NO_PYTHON

没有找到 Python 3.11 或更新的版本。
  Debian 12 / Ubuntu 24.04 及以上: sudo apt install python3 python3-venv
  macOS: brew install python@3.13
  已有但不在 PATH 中: make PYTHON=/路径/python3.12 $(or $(MAKECMDGOALS),demo)
There is no Python 3.11 or newer.
  Debian 12 / Ubuntu 24.04 and later: sudo apt install python3 python3-venv
  macOS: brew install python@3.13
  It is there but not on the PATH: make PYTHON=/path/to/python3.12 $(or $(MAKECMDGOALS),demo)

endef
INSTALL = $(if $(PYTHON),$(PYTHON) tools/install.py,$(error $(NO_PYTHON)))

.PHONY: help
help: ## 列出这些命令 · list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# For users ------------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: install ## 安装并打开示例商户 · install, load the demo merchant, open the console
	@$(BIN)/guanxi demo $(ARGS)

.PHONY: install
install: ## 安装运行所需 · install what running needs
	@$(INSTALL) demo

# For developers -------------------------------------------------------------------------------------------------------

.PHONY: install-dev
install-dev: ## 安装开发所需 · install what development needs
	@$(INSTALL) dev

.PHONY: test
test: install-dev ## 全部测试 · all tests, with what they need where it can be installed
	@$(INSTALL) outside
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

.PHONY: test-fast
test-fast: install-dev ## 较快的测试 · the tests that are not slow
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not slow and not browser and not clients" $(ARGS)

.PHONY: check
check: format lint types imports docs test ## 提交前的全部检查 · format, lint, types, imports, docs, tests

.PHONY: format
format: install-dev
	@$(BIN)/ruff format --check --output-format concise $(FOUND) || { echo "make fix 可以改好 · make fix mends it"; exit 1; }

.PHONY: lint
lint: install-dev
	@$(BIN)/ruff check $(FOUND)
	@$(BIN)/python -m tools.lint_guanxi

.PHONY: types
types: install-dev
	@$(BIN)/mypy $(FOUND)

.PHONY: imports
imports: install-dev
	@$(BIN)/lint-imports --no-logo

.PHONY: fix
fix: install-dev ## 自动修正格式 · format, and mend what can be mended
	@$(BIN)/ruff format $(FOUND)
	@$(BIN)/ruff check --fix $(FOUND)

.PHONY: docs
docs: install-dev ## 检查文档 · check the documentation
	@$(BIN)/python -m tools.reference --check
	@$(BIN)/python -m tools.check_docs

.PHONY: reference
reference: install-dev ## 由代码生成参考文档 · write the reference from the code
	@$(BIN)/python -m tools.reference

.PHONY: bench
bench: install-dev ## 全部性能测试 · every benchmark, with its yardstick
	@$(BIN)/python -m tools.bench $(ARGS)

# make lock UPGRADE=1 takes the newest releases that pyproject.toml admits. The smaller locks follow the largest.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --quiet $(if $(UPGRADE),--upgrade)
.PHONY: lock
lock: ## 重新锁定依赖 · lock the dependencies again (with uv)
	$(COMPILE) pyproject.toml --extra demo --extra spark --group dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra demo --group build -c requirements/dev.txt -o requirements/demo.txt
	$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
	$(COMPILE) --group installer -o requirements/uv.txt

.PHONY: clean
clean: ## 删除环境与缓存（不动数据）· remove the environment and caches, never data
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache test-results dist
	rm -rf tests/clients/node_modules
	find $(FOUND) -name __pycache__ -type d -prune -exec rm -rf {} +
