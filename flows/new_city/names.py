"""The names under which portals and record systems publish our columns, and how strongly each name speaks."""

import re
from functools import cache
from importlib import resources

import yaml

NUMBERED = 0.35  # a name that says no more than that it is a number; its values have to differ


@cache
def read_names() -> dict[str, list[tuple[re.Pattern[str], float]]]:
    """Return by column the patterns of its names with their strengths, of `names.yml`."""
    text = (resources.files("flows.new_city") / "names.yml").read_text(encoding="utf-8")
    described = yaml.load(text, yaml.CSafeLoader)

    def whole(pattern: str) -> re.Pattern[str]:
        return re.compile(re.sub(r"<(\w+)>", lambda part: described["parts"][part[1]], pattern))

    return {name: [(whole(text), strength) for text, strength in given] for name, given in described["names"].items()}


def words_of_name(name: str) -> str:
    """Return a column's name as words: `CMPLNT_FR_DT` → `cmplnt fr dt`, `incidentId` → `incident id`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[^a-z0-9]+", " ", apart.lower()).strip()


def name_strength(ours: str, column: str) -> float:
    """Return how strongly a column's name speaks for one of ours, 0 to 1."""
    words = words_of_name(column)
    return next((strength for pattern, strength in read_names()[ours] if pattern.fullmatch(words)), 0.0)
