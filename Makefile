# Commands that do everything on a fresh machine with Python 3.11 or later:
#   make demo    install, train SimCLR on embedded data, evaluate it, say where its page is
#   make test    install, run the whole suite
#   make docs    install, build the documentation site into build/site
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: demo test slow docs lint format clean

demo: $(VENV)/installed
	$(BIN)/jssl train image/simclr_digits --workdir runs/demo

test: $(VENV)/installed lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" --budget

slow: $(VENV)/installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "slow or rotating" --tier all --budget

docs: $(VENV)/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/installed: requirements.txt setup.cfg pyproject.toml
	$(PYTHON) -c "import sys; sys.exit('jssl needs Python 3.11 or later, this is %d.%d' % sys.version_info[:2] if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) .jax_cache .pytest_cache .ruff_cache build *.egg-info
