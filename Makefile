# make demo and make test work on a fresh Debian 12 or Ubuntu: they install what is missing.
SHELL := /bin/bash
VENV := .venv/bin
# Named for this folder, because a virtual environment does not survive a move.
INSTALLED := .venv/installed-$(shell pwd -P | cksum | cut -d' ' -f1)
# A test that hangs below Python, where its own time limit cannot end it, ends the run, with stacks.
HANGS := -o faulthandler_timeout=900 -o faulthandler_exit_on_timeout=true
# One thread of torch in each of two processes: more of them would wait for one another.
PYTEST := OMP_NUM_THREADS=1 $(VENV)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term

.PHONY: help demo test test-all lint docs install system wheel-check clean

help:
	@echo "make demo         deploy a trained ResNet-8 to an STM32F746 with 50 ms for an inference"
	@echo "make test         ruff, mypy, cppcheck, licences, docs, the wheel, the tests with coverage"
	@echo "make test-all     also the slow tests, and a deployment by the wheel alone"
	@echo "make docs         build the documentation in site/"
	@echo "make wheel-check  build the wheel and use it in an empty environment"
	@echo "make clean        remove the virtual environment and what was built"

install: $(INSTALLED)

system:
	@bash scripts/install-system.sh

$(INSTALLED): scripts/install-python.sh pyproject.toml constraints.txt setup.py | system
	bash scripts/install-python.sh
	@touch $@

demo: install
	bash scripts/demo.sh

lint: install
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	bash scripts/check-c.sh
	$(VENV)/python scripts/third_party.py --check

docs: install
	NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict --quiet

test: lint docs
	bash scripts/wheel-check.sh quick
	$(PYTEST) -m "not slow" $(HANGS)

test-all: lint docs
	$(PYTEST)
	bash scripts/wheel-check.sh

wheel-check: install
	bash scripts/wheel-check.sh

clean:
	rm -rf .venv build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf examples/*/sqtvm-out
