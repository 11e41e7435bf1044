# The project's chores; `just` alone tests and lints.

default: test lint

# All tests, warnings as errors
test *ARGS:
    python -m pytest -q {{ARGS}}

# Style and types
lint:
    ruff check .
    ruff format --check .
    mypy

# Brings the generated pages and the schema up to date
generate:
    armtune schema > recipes/recipe.schema.json
    armtune schema --markdown > docs/recipe.md
