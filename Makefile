# `make` lists the targets. Everything runs in .venv, which the first target that needs it makes.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
DEMO := demo
JOBS := 2
# JOBS tests at a time. LightGBM stays on one core in each: its threads wait for one another, long where cores are few.
# Spark asks each query once, so its Java is spared the second compiler.
PYTEST := OMP_NUM_THREADS=1 SPARK_SUBMIT_OPTS=-XX:TieredStopAtLevel=1 \
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal

export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/ready ## make the environment from requirements.lock

$(VENV)/ready: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit("Undertow needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[dev]'
	mkdir -p build/import/undertow
	ln -sfn ../../../features build/import/undertow/features
	ln -sfn ../../../training build/import/undertow/training
	ln -sfn ../../../serving build/import/undertow/serving
	touch $@

$(VENV)/spark: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[dev,spark]'
	touch $@

$(VENV)/clients: $(VENV)/ready
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet openapi-python-client==0.29.1 datamodel-code-generator==0.89.0
	touch $@

demo: setup ## simulate a world, train, score, print the list and the drivers
	$(BIN)/undertow demo --project $(DEMO)

serve: setup ## start the service on the demo
	$(BIN)/undertow serve --project $(DEMO)

ui: setup ## look at the demo's runs in MLflow, on http://127.0.0.1:5000
	$(BIN)/mlflow ui --backend-store-uri sqlite:///$(DEMO)/store/mlflow.db --workers 1

test: $(VENV)/spark $(VENV)/clients ## run every test, those on Spark included (it needs Java 17)
	$(PYTEST)

check: $(VENV)/spark $(VENV)/clients ## lint, types, tests
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

bento: setup ## build the service as a Bento, of the wheel and the pinned requirements
	rm -rf build/wheel build/lib build/bdist.*
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .
	$(BIN)/python -m undertow.serving.deploy.pinned requirements.lock > build/wheel/pinned.txt
	$(BIN)/bentoml build

wheel: setup ## build the wheel, install it into a fresh environment and run a small demo from it
	rm -rf build/wheel build/fresh build/lib build/bdist.*
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .
	$(PYTHON) -m venv build/fresh
	rm -rf build/lib build/bdist.*
	build/fresh/bin/python -m pip install --quiet --constraint requirements.lock build/wheel/*.whl
	cd build/fresh && bin/undertow demo --project demo --accounts 400 --months 18

readme: setup ## rewrite the terminal output in README.md, from the demo
	$(BIN)/python -m tests.docs.outputs $(DEMO)

yardsticks: setup ## the model against worlds with known ground truth; an hour, most of it for the ceiling
	$(BIN)/python -m tests.benchmarks.yardsticks

results: setup ## value and churn beside other models and ground truth, two hours; parts need the third-party data
	$(BIN)/python -m tests.benchmarks.results.purchases
	$(BIN)/python -m tests.benchmarks.results.inactivity
	$(BIN)/python -m tests.benchmarks.results.subscriptions

attack: setup $(DEMO)/store/scores/CURRENT ## attack the service on the demo, on this machine alone; half an hour
	$(BIN)/python -m tests.serving.attack $(DEMO)

bench: $(VENV)/spark $(DEMO)/store/scores/CURRENT ## what features, loading and answers cost, within an hour; KEEP=DIR keeps logs and environments
	$(BIN)/python -m tests.benchmarks $(DEMO) $(if $(KEEP),--keep $(KEEP))

$(DEMO)/store/scores/CURRENT: | $(VENV)/ready
	$(BIN)/undertow demo --project $(DEMO)

docs: setup ## one page of all features, build/features.html; with those of a project: make docs PROJECT=folder
	$(BIN)/python -m undertow.serving.pages.reports.feature_catalogue build/features.html $(PROJECT)

lock: $(VENV)/spark ## write the resolved set to requirements.lock
	$(BIN)/python -m pip freeze --exclude-editable > requirements.lock

.PHONY: help setup demo serve ui test check bento wheel readme yardsticks results attack bench docs lock
.DEFAULT_GOAL := help
