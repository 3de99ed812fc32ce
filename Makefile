# Two commands do everything: `make demo` and `make test`. Each sets up what it needs the first time.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 2
# The longest files come first in the order of their folders.
SIDE_BY_SIDE = -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo shell test emulators test-more test-fast test-aws test-cluster test-s3 test-kills test-slow test-documents test-faults test-judge test-some41 test-spark41 golden docs lint hooks format package bench bench-s3 bench-compare clean

help: ## Show these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

setup: ## Make .venv with Spark, Delta and all tools (S3=1 for a Spark that knows S3, too)
	@$(PYTHON) tools/setup.py $(if $(S3),--s3)

demo: setup ## Run the jobs on an embedded Kinesis (PORT=5000 for a port of your choice, LAKE=s3 for a lake in S3)
	@$(if $(filter s3,$(LAKE)),$(PYTHON) tools/setup.py --s3)
	@$(BIN)/python -m tools.demo $(if $(PORT),--port $(PORT)) $(if $(LAKE),--lake $(LAKE))

shell: setup ## Open PySpark with the demo's tables as views (LAKE=folder for another lake)
	@SPARK_CONF_DIR=tools/spark $(BIN)/python -i tools/shell.py $(LAKE)

test: setup emulators ## Run the tests (JOBS=2 side by side, each with a Spark of 4 GiB)
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

# Optional: without node and npm, or their registry, the tests that need an emulator say that they are skipped.
emulators:
	@if command -v npm >/dev/null && [ ! tests/node_modules/.package-lock.json -nt tests/package-lock.json ]; then \
		npm ci --silent --prefix tests || echo "make test: npm can't install the emulators of tests/package.json"; fi

test-more: package emulators ## Run what takes longer: a cluster, S3, killed jobs, slow tests, what the documents show, Spark 4.1
	@$(PYTHON) tools/setup.py --s3
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "(cluster or s3 or kills or documents or slow) and not faults"
	@$(MAKE) --no-print-directory test-some41

test-fast: setup ## Run the tests that need no Spark
	@$(BIN)/python -m pytest tests/unit

test-cluster: package emulators ## Run jobs on a cluster of two workers, whose processes are killed
	@$(BIN)/python -m pytest -m "cluster and not faults"

test-kills: package emulators ## Kill jobs 3 times and twice at any moment, and start them again
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "kills and not faults"

test-slow: package emulators ## Run jobs as processes, on tables with other features, and random histories of staging
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "slow and not faults"

test-s3: setup emulators ## Run all jobs on a lake in an emulated S3
	@$(PYTHON) tools/setup.py --s3
	@$(BIN)/python -m pytest -n $(JOBS) -m "s3 and not faults"

test-documents: package ## Run the commands and the Python that the tutorial and the how-tos show, on a lake of their own
	@$(BIN)/python -m pytest -m documents

test-faults: package emulators ## Kill jobs 30 and 20 times in place of 3 and 2 (CRASH_SEED=1 chooses the moments); missing packages, all bad storage, a Hive metastore
	@$(PYTHON) tools/setup.py --s3
	@KILLS=30 JAVA_SIGNALS=3 STAGING_KILLS=20 HISTORIES=40 EXECUTOR_KILLS=5 $(BIN)/python -m pytest $(SIDE_BY_SIDE) \
		-m "faults or cluster or kills or histories"

test-judge: setup ## Hold the judge's verdicts of a million records against those of another reader
	@JUDGED=50000 $(BIN)/python -m pytest -n $(JOBS) tests/unit/test_judge_fuzz.py

test-some41: package emulators ## Run the tests that depend on Spark's version by 4.1, in an environment of its own
	@$(PYTHON) tools/setup.py --spark 4.1
	@.venv-spark41/bin/python -m pytest $(SIDE_BY_SIDE) -m spark41

test-spark41: package emulators ## Run all tests of make test and make test-more by Spark 4.1
	@$(PYTHON) tools/setup.py --spark 4.1 --s3
	@.venv-spark41/bin/python -m pytest $(SIDE_BY_SIDE) -m "not (aws or faults)"

golden: setup ## Keep what this code writes as FORMAT=N for the test of taking over older lakes (tests/golden/README.md)
	@PYTHONPATH=tests unshare --map-root-user --uts sh -c 'hostname localhost && $(BIN)/python -m support.golden_make $(FORMAT)'

# Without the other tests' conftest.py, which puts an emulator's credentials in place of yours.
test-aws: setup ## Ask a real stream what the fakes assume: STREAM=name REGION=eu-west-1; puts 505 records, which AWS bills
	@test -n "$(STREAM)" || { echo "make test-aws: STREAM=name is missing: a stream of yours, best one that is idle"; exit 2; }
	@STREAM="$(STREAM)" REGION="$(REGION)" RESHARD="$(RESHARD)" $(BIN)/python -m pytest --confcutdir=tests/aws -m aws tests/aws

docs: setup ## Write docs/reference from the code that it tells of
	@$(BIN)/python -m tools.docs

lint: setup ## Check format, rules and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

hooks: ## Have git run make lint before each commit
	@printf '#!/bin/sh\nexec make lint\n' > "$$(git rev-parse --git-path hooks)/pre-commit"
	@chmod +x "$$(git rev-parse --git-path hooks)/pre-commit"

format: setup ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

package: setup ## Build the wheel, and dist/event_lake.zip for spark-submit (S3=1: dist/event_lake_s3.jar for its --jars, too)
	@rm -rf dist build
	@$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@cp dist/event_lake-*.whl dist/event_lake.zip
	@$(if $(S3),cp $(BIN)/../lib/python*/site-packages/pyspark/jars/event_lake_s3.jar dist/)
	@rm -rf build

bench: setup ## Measure events/s of each station into .bench/ (ARGS="--only raw" for less)
	@PYTHONPATH=tests $(BIN)/python -m benchmarks.run $(ARGS)

bench-s3: setup ## Count the requests to S3, and what they cost at 20 ms each (ARGS="--delay 50" for other figures)
	@$(PYTHON) tools/setup.py --s3
	@PYTHONPATH=tests $(BIN)/python -m benchmarks.s3_requests $(ARGS)

bench-compare: setup ## Print the ratios of two measurements: make bench-compare A=.bench/a.json B=.bench/b.json
	@$(BIN)/python -m benchmarks.compare $(A) $(B)

clean: ## Remove what the demo, the benchmarks and the builds wrote (.venv stays)
	rm -rf .demo .bench dist build spark-warehouse artifacts .pytest_cache .hypothesis .mypy_cache .ruff_cache
