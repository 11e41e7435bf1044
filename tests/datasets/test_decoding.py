from __future__ import annotations

import json

from armtune.recipe.schema import Recipe


def test_a_recipe_may_say_how_large_spectrograms_are() -> None:
    data = {"name": "folders", "path": "own.csv", "spectrogram": [64, 96]}
    content = {"name": "t", "data": data, "modalities": {"sound": {}}}
    recipe = Recipe.model_validate_json(json.dumps(content), strict=True)
    assert recipe.data.model_dump()["spectrogram"] == (64, 96)
