# Two commands: `make demo` shows what botsec does, `make test` proves it. Everything goes into .venv and target.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHEELS := target/wheels
SOURCES := $(shell find src python -name '*.rs' -o -name '*.py' -o -name '*.pyi') build.rs Cargo.toml Cargo.lock pyproject.toml README.md
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)
# A release is trained (`benches/train`), which needs rustup's llvm-tools; empty where they are missing.
PGO = $(shell test -x "$$(rustc --print sysroot)/lib/rustlib/$$(rustc -vV | sed -n 's/^host: //p')/bin/llvm-profdata" && echo --pgo)
# Small where training seldom went: hot is what makes up 90 % of what was counted, cold what makes up the last 1 %.
PGO_FLAGS := -Cllvm-args=-profile-summary-cutoff-hot=900000 -Cllvm-args=-profile-summary-cutoff-cold=990000

.PHONY: demo test bench lint fmt rust python clean
# The steps share one target folder, and pytest's summary is the last line of `make test`.
.NOTPARALLEL:

demo: $(VENV)/.installed
	$(BIN)/botsec demo

test: lint rust python

$(VENV)/.ready:
	@command -v cargo >/dev/null || { echo "botsec: cargo is missing; install Rust 1.95 or newer" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "botsec: a C compiler is missing; install gcc or clang" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "botsec: $(PYTHON) is missing; install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "botsec: $(PYTHON) is older than 3.11; name another, such as PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "botsec: $(PYTHON) has no venv; install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "maturin>=1.8,<2"
	touch $@

$(VENV)/.installed: $(VENV)/.ready $(SOURCES)
	rm -rf $(WHEELS)
	$(BIN)/maturin build --release --locked --quiet --out $(WHEELS) --interpreter $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(WHEELS)/botsec-*.whl
	touch $@

$(VENV)/.extras: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(echo $(WHEELS)/botsec-*.whl)[test]"
	touch $@

lint: $(VENV)/.extras
	cargo fmt --check
	cargo clippy --quiet --locked --all-targets -- -D warnings
	cargo clippy --quiet --locked --all-targets --features python -- -D warnings
	cargo clippy --quiet --locked --manifest-path benches/native/Cargo.toml --target-dir target/bench-check -- -D warnings
	$(BIN)/ruff check --quiet python tests examples
	$(BIN)/ruff format --quiet --check python tests examples
	$(BIN)/mypy python/botsec tests/typing
	cd $(VENV) && bin/python -m mypy.stubtest botsec._core

# A debug build, so that overflow checks run; without Python, so that the core is shown to need none.
rust:
ifdef NEXTEST
	cargo nextest run --locked --no-fail-fast
	cargo test --quiet --locked --doc
else
	cargo test --quiet --locked
endif

# Through the built wheel, not the source tree.
python: $(VENV)/.extras
	$(BIN)/python -m pytest

# The wheel as it is released (whole-program LTO, trained), beside its peers, in an environment of its own.
bench: $(VENV)/.ready
	rm -rf target/bench-wheels
	@test -n "$(PGO)" || echo "botsec: without llvm-tools the wheel is not trained, and slower: rustup component add llvm-tools" >&2
	RUSTFLAGS="$(PGO_FLAGS)" $(BIN)/maturin build --profile wheel $(PGO) --locked --quiet --out target/bench-wheels --interpreter $(BIN)/python
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r benches/requirements.txt
	# By force: pip keeps an older build of the same version.
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps target/bench-wheels/botsec-*.whl
	.venv-bench/bin/python benches/run.py
	.venv-bench/bin/python benches/acquire.py
	.venv-bench/bin/python benches/validate.py
	$(PYTHON) -m venv .venv-bench-text
	.venv-bench-text/bin/python -m pip install --quiet --disable-pip-version-check -r benches/requirements-text.txt
	.venv-bench-text/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps target/bench-wheels/botsec-*.whl
	.venv-bench-text/bin/python benches/escape.py
	.venv-bench-text/bin/python benches/message.py
	cargo run --release --quiet --manifest-path benches/native/Cargo.toml --target-dir target/bench-native --bin pace
	.venv-bench/bin/python benches/fleet.py
	.venv-bench/bin/python benches/failing.py
	.venv-bench/bin/python benches/herd.py --draw docs/throttling.svg

fmt: $(VENV)/.extras
	cargo fmt
	$(BIN)/ruff check --quiet --fix python tests examples
	$(BIN)/ruff format --quiet python tests examples

clean:
	rm -rf target $(VENV) .venv-bench .venv-bench-text
