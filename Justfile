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

# Every benchmark that has --quick, in under ten minutes; figures are for a quiet machine, without it
benchmarks *ARGS:
    python benchmarks/all.py {{ARGS}}

# The same three times, against the last figures: what got worse beyond noise
nightly:
    python benchmarks/all.py --repeats 3 --json new-figures.json
    python benchmarks/compare_last.py new-figures.json

# Correctness and speed of a card, in at most eight minutes
gpu:
    PYTHONPATH=. python benchmarks/gpu_all.py --json gpu.json

# The documentation as a site, in site/; a broken link is an error
docs:
    zensical build --strict --clean
