"""The house stands as designed: who may import whom, every key explained, every verb with an example."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "geo": {"pipeline", "models", "flows", "kafka", "prefect", "duckdb", "yaml"},
    "models": {"pipeline", "geo", "flows", "kafka", "prefect", "duckdb", "yaml"},
    "pipeline": {"geo", "models", "flows", "prefect"},
    "flows": set(),
}
# Queries without an order: those that yield one row, and hashes by the million, which are sorted or looked up.
ONE_ROW = {
    *("flows/sql/ingest_totals", "flows/sql/last_incident", "flows/sql/placement_quality"),
    *("flows/sql/precision_quality", "pipeline/sql/live/last_batch", "pipeline/sql/load/conflict"),
    *("pipeline/sql/load/held_extent", "pipeline/sql/mapped/is_held", "pipeline/sql/store/known_until"),
    *("pipeline/sql/store/new_batch", "pipeline/sql/store/throughput"),
}
HASHES = {"pipeline/sql/load/arrival_hash", "pipeline/sql/load/held_hash"}
SOURCES = [path for package in FORBIDDEN for path in sorted((ROOT / package).rglob("*.py"))]


def imported_roots(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; name the package"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_package_reaches_across(path: Path) -> None:
    crossed = FORBIDDEN[path.relative_to(ROOT).parts[0]] & set(imported_roots(path))
    assert not crossed, f"{path} imports {sorted(crossed)}"


def test_a_breach_would_be_found(tmp_path: Path) -> None:
    breach = tmp_path / "breach.py"
    breach.write_text("def late():\n    from pipeline.store.store import Store\n")
    assert FORBIDDEN["geo"] & set(imported_roots(breach)) == {"pipeline"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not source.strip() or ast.get_docstring(ast.parse(source)), f"{path} has no module docstring"


@pytest.mark.parametrize("package", ["geo", "models"])
def test_the_clock_is_passed_in(package: str) -> None:
    reads = re.compile(r"datetime\.now|date\.today|time\.time\(|Timestamp\.now|utcnow")
    found = [p for p in sorted((ROOT / package).rglob("*.py")) if reads.search(p.read_text(encoding="utf-8"))]
    assert not found, f"{found} read the clock"


def outermost(sql: str) -> str:
    """The last statement less its comments and all that stands in brackets."""
    bare = re.sub(r"--.*", "", sql)
    while (shorter := re.sub(r"\([^()]*\)", "", bare)) != bare:
        bare = shorter
    return [statement.strip() for statement in bare.split(";") if statement.strip()][-1]


def test_every_query_says_in_which_order_its_rows_come() -> None:
    """DuckDB keeps the order of a table it scans, not of joins, groups or windows: there its threads decide."""
    files = sorted([*(ROOT / "pipeline" / "sql").rglob("*.sql"), *(ROOT / "flows" / "sql").rglob("*.sql")])
    last = {str(file.relative_to(ROOT).with_suffix("")): outermost(file.read_text(encoding="utf-8")) for file in files}
    queries = {name: sql for name, sql in last.items() if re.match("SELECT|WITH|FROM", sql) and "DELETE" not in sql}
    unordered = {name for name, sql in queries.items() if "ORDER BY" not in sql}
    assert len(queries) > 40
    assert unordered == ONE_ROW | HASHES


def test_every_setting_is_explained() -> None:
    lines = (ROOT / "configs" / "default.yaml").read_text(encoding="utf-8").splitlines()
    unexplained = [line for line in lines if re.match(r"\s*\w+: *\S", line) and "#" not in line]
    assert not unexplained


def test_nothing_names_a_registry_or_a_machine() -> None:
    forbidden = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|repo1?\.maven|deb\.debian|/work/|/root/|/tmp/v\b")
    text_suffixes = {".py", ".md", ".yaml", ".yml", ".toml", ".lock", ".in", ".sql", ".xml", ".html", ".jinja", ""}
    skipped = {".git", ".venv", "demo", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    kept = [top for top in sorted(ROOT.iterdir()) if top.name not in skipped]
    named = [
        path
        for path in [file for top in kept for file in (top, *sorted(top.rglob("*")))]
        if path.is_file()
        and path != Path(__file__).resolve()
        and path.suffix in text_suffixes
        and not skipped & set(path.relative_to(ROOT).parts)
        and forbidden.search(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert not named
