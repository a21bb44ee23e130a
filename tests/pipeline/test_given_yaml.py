"""A key that stands twice in a file of a force is an error at its line, at any depth; all else is read as YAML."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flows.evaluation.benefit_cases import weigh_file
from flows.home.settings import load_settings
from flows.run.plans import read_checklist
from pipeline.errors import HarmspotError
from pipeline.given_yaml import read_given_yaml
from pipeline.mapped.mapping_file import read_mapping
from pipeline.sources.validation_people import read_record_mapping

WORDS = st.text("abcxyz", min_size=1, max_size=3)
TREES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, min_size=1, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("given") / "file.yaml"


@given(TREES)
def test_what_stands_once_is_read_as_yaml(path: Path, tree: Any) -> None:
    path.write_text(yaml.safe_dump(tree))
    assert read_given_yaml(path) == tree
    path.write_bytes(b"\xef\xbb\xbf" + yaml.safe_dump(tree).encode())
    assert read_given_yaml(path) == tree


@given(st.dictionaries(WORDS, TREES, min_size=1, max_size=4), st.integers(0, 3), st.data())
def test_a_key_that_stands_twice_is_an_error_at_any_depth(
    path: Path, tree: dict[str, Any], depth: int, data: st.DataObject
) -> None:
    again = data.draw(st.sampled_from(sorted(tree)))
    inner = yaml.safe_dump(tree, default_flow_style=False) + f"'{again}': 1\n"
    for _ in range(depth):
        inner = "outer:\n" + "".join(f"  {line}\n" for line in inner.splitlines())
    path.write_text(inner)
    with pytest.raises(ValueError, match=rf"line {len(inner.splitlines())}, column \d+: this key stands twice"):
        read_given_yaml(path)


@pytest.mark.parametrize("read", [weigh_file, load_settings, read_checklist, read_mapping, read_record_mapping])
def test_every_file_of_a_force_is_read_so_and_no_text_of_it_is_told(read: Any, path: Path) -> None:
    path.write_text("force:\n  name: Zebra-99\nforce:\n  name: Zebra-98\n")
    with pytest.raises(HarmspotError, match="line 3, column 1: this key stands twice; keep one") as refused:
        read(path)
    assert "Zebra" not in str(refused.value)


def test_a_file_that_is_no_utf8_says_so(path: Path) -> None:
    path.write_bytes("force: Málaga".encode("latin-1"))
    with pytest.raises(ValueError, match="it is not UTF-8 text"):
        read_given_yaml(path)
