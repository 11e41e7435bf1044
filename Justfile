# The project's chores; `just` alone tests and lints.

default: test lint

# All tests, warnings as errors
test *ARGS:
    python -m pytest -q -n auto --dist loadscope {{ARGS}}

# Style and types
lint:
    ruff check .
    ruff format --check .
    mypy
    lint-imports

# Brings the generated pages and the schema up to date
generate:
    armtune schema > recipes/recipe.schema.json
    armtune schema --markdown > docs/recipe.md
    python -m armtune.cli._page > docs/cli.md
    python docs/package_graph.py
    python docs/glossary.py
    python docs/ranks.py

# Whether the benchmarks of speed run; figures are for a quiet machine, without --quick
benchmarks:
    python benchmarks/throughput.py recipes/avmnist.yaml --quick
    python benchmarks/hypervolume.py recipes/avmnist.yaml --quick
    python benchmarks/pruning.py recipes/avmnist.yaml --quick
    python benchmarks/linear.py --quick
    python benchmarks/gpu.py recipes/avmnist.yaml --quick
    python benchmarks/many_trials.py --quick
    python benchmarks/start.py --quick
    PYTHONPATH=. python benchmarks/gpu_all.py --device cpu --quick

# Correctness and speed of a card, in at most eight minutes
gpu:
    PYTHONPATH=. python benchmarks/gpu_all.py --json gpu.json

# The documentation as a site, in site/; a broken link is an error
docs:
    zensical build --strict --clean
