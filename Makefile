# Every target works on a machine that has Python >= 3.11 and make; the rest is installed here.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UPSTREAM ?=
CONFIG ?=
REDIS ?=
LISTEN ?= 127.0.0.1:8080
ADMIN ?= 127.0.0.1:9090
IMAGE ?= localhost/sidecache:dev
BASE ?=
# What the image has beside the core, and the tests want.
EXTRAS := --extra otel --extra profile

export PATH := $(CURDIR)/$(VENV)/go:$(PATH)

.PHONY: run test soak fuzz check format docs golden compiled test-compiled bench image pod compose tools chart lock clean

run: $(VENV)/runs  ## Start the proxy before the example API, or before UPSTREAM=http://host:port
	@exec $(BIN)/python -m examples.tour --upstream "$(UPSTREAM)" --config "$(CONFIG)" \
	  --redis "$(REDIS)" --listen "$(LISTEN)" --admin "$(ADMIN)"

test: $(VENV)/ready  ## Run all tests, with branch coverage and its floors
	@$(BIN)/coverage erase
	$(BIN)/python -m pytest -n 3 --dist worksteal --cov --cov-report=
	@$(BIN)/python tests/coverage_floors.py

soak: $(VENV)/ready  ## Purge through a fleet under random faults, roll out under load, and mix all faults of both hops
	FLEET_SECONDS=600 $(BIN)/python -m pytest tests/fleet/test_commits.py
	ROLLOUT_REQUESTS=60000 $(BIN)/python -m pytest tests/fleet/test_rollout.py
	MIXED_REQUESTS=20000 $(BIN)/python -m pytest -s tests/edge/test_mixed_faults.py

fuzz: $(VENV)/ready  ## Feed the edge any bytes for FUZZ_SECONDS (600)
	FUZZ_SECONDS=$${FUZZ_SECONDS:-600} $(BIN)/python -m pytest -s tests/fuzz

check: $(VENV)/ready  ## Lint, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/ready  ## Put the code in form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/ready  ## Write the generated pages and the JSON Schema anew
	$(BIN)/python -m docs.generate

golden: $(VENV)/ready  ## Write anew what the chart renders to
	$(BIN)/python -m tests.helm.golden

image:  ## Build the image for real, without a daemon, on BASE or on one made of Debian's packages
	tests/image/build.sh $(IMAGE) $(BASE)

pod: $(VENV)/ready  ## Run the API and the sidecar of IMAGE as a pod: probes, security, the end
	tests/image/guest.sh $(CURDIR)/$(BIN)/python -m tests.image.pod $(IMAGE)

compose: $(VENV)/ready  ## Run the Compose file with IMAGE: a miss, a hit, a purge, the end
	tests/image/guest.sh unshare -n $(CURDIR)/$(BIN)/python -m tests.image.compose $(IMAGE)

tools:  ## Build helm, kustomize, Kubernetes' admission and Prometheus' parser, with Go
	@command -v go > /dev/null || { echo "this needs go 1.26 or later"; exit 1; }
	GOBIN=$(CURDIR)/$(VENV)/go go install helm.sh/helm/v3/cmd/helm@v3.19.5
	GOBIN=$(CURDIR)/$(VENV)/go go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
	cd tests/helm/admission && go build -o $(CURDIR)/$(VENV)/go/admission .
	cd tests/helm/promql && go build -o $(CURDIR)/$(VENV)/go/promql .

chart: tools $(VENV)/ready  ## Test the chart by those programs as well
	$(BIN)/python -m pytest tests/helm

compiled: $(VENV)/ready  ## Compile what every request passes through, into build/compiled
	rm -rf build/compiled build/wheel
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=true $(BIN)/pip wheel -q --disable-pip-version-check \
	  --no-build-isolation --no-deps -w build/wheel .
	$(PIP) --no-compile --target build/compiled build/wheel/*.whl

test-compiled: compiled  ## Run on the compiled build all tests of what is compiled
	COMPILED=1 $(BIN)/pytest -o "pythonpath=build/compiled ." -p no:cacheprovider -n 3 --dist worksteal \
	  $(addprefix tests/,http policy rules engine store redis upstream edge plays costs clients)

bench: $(VENV)/ready  ## Measure the budgets of speed, beside nginx and Varnish
	$(BIN)/python -m bench

lock: $(VENV)/ready  ## Resolve the dependencies anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml $(EXTRAS) -o .ci/requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header pyproject.toml $(EXTRAS) --group dev \
	  -o .ci/requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --group compiled -o .ci/requirements-build.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --group run -o .ci/requirements-run.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

COMMA := ,
PIP := $(BIN)/pip install -q --disable-pip-version-check --no-deps

define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sidecache needs Python 3.11 or later; say which with PYTHON=..."; exit 1; }
	@echo "installing into $(VENV): $(1) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes $(addprefix -r ,$(2))
	@$(PIP) --no-build-isolation -e .
	@touch $(VENV)/runs $@
endef

# What the proxy and the example API need; the tests want ten times as much.
$(VENV)/runs: .ci/requirements.lock .ci/requirements-run.lock pyproject.toml
	$(call install,100 MB,.ci/requirements.lock .ci/requirements-run.lock)

$(VENV)/ready: .ci/requirements-dev.lock pyproject.toml
	$(call install,900 MB for tests and checks$(COMMA) which takes a minute or two,$<)
