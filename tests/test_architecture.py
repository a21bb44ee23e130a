"""The house stands as designed: who may import whom, every key explained, every verb with an example."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from pipeline.database import named_queries

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {  # libraries that a package does not know
    "geo": {"kafka", "prefect", "duckdb", "yaml"},
    "models": {"kafka", "prefect", "duckdb", "yaml"},
    "pipeline": {"prefect"},
    "flows": set(),
    "web": {"kafka", "prefect", "duckdb", "yaml"},
}
SHARED = {
    *(
        "pipeline.errors",
        "pipeline.clock",
        "pipeline.local_time",
        "pipeline.map_link",
        "pipeline.database",
        "pipeline.complete_file",
    ),
    *("pipeline.typed_sections", "pipeline.complete_folder", "pipeline.terminal_text"),
    *("pipeline.near_words", "pipeline.reference_table", "pipeline.given_yaml"),
    *("pipeline.given_secret", "pipeline.loopback"),
}
PIPELINE = {
    "pipeline.errors": set(),
    "pipeline.local_time": set(),
    "pipeline.map_link": set(),
    "pipeline.complete_file": set(),
    "pipeline.complete_folder": {"pipeline.complete_file"},
    "pipeline.clock": {"pipeline.errors", "pipeline.local_time"},
    "pipeline.terminal_text": set(),
    "pipeline.near_words": set(),
    "pipeline.given_yaml": set(),
    "pipeline.given_secret": {"pipeline.errors"},
    "pipeline.loopback": set(),
    "pipeline.reference_table": {"pipeline.errors", "pipeline.near_words"},
    "pipeline.typed_sections": {"pipeline.errors", "pipeline.near_words"},
    "pipeline.database": {"pipeline.errors"},
    "pipeline.messages": SHARED,
    "pipeline.privacy": SHARED,
    "pipeline.events": SHARED | {"pipeline.privacy"},
    "pipeline.users": SHARED | {"pipeline.privacy"},
    "pipeline.publication": SHARED | {"pipeline.privacy"},
    "pipeline.wording": SHARED,
    "pipeline.briefing": SHARED | {"pipeline.privacy", "pipeline.publication", "pipeline.wording"},
    "pipeline.pages": SHARED | {"pipeline.privacy", "pipeline.publication", "pipeline.wording", "pipeline.briefing"},
    "pipeline.pages.outcomes": SHARED
    | {"pipeline.pages", "pipeline.privacy", "pipeline.publication", "pipeline.wording"},
    "pipeline.pages.brief": SHARED
    | {"pipeline.pages", "pipeline.privacy", "pipeline.publication", "pipeline.wording", "pipeline.briefing"},
    "pipeline.sources": SHARED | {"pipeline.events", "pipeline.messages"},
    "pipeline.files": SHARED,
    "pipeline.mapped": SHARED | {"pipeline.files", "pipeline.events", "pipeline.privacy"},
    "pipeline.records": SHARED | {"pipeline.mapped", "pipeline.files", "pipeline.events", "pipeline.privacy"},
    "pipeline.loading": SHARED
    | {"pipeline.events", "pipeline.files", "pipeline.mapped", "pipeline.records", "pipeline.privacy"},
    "pipeline.shared_store": SHARED
    | {
        "pipeline.events",
        "pipeline.loading",
        "pipeline.mapped",
        "pipeline.messages",
        "pipeline.privacy",
        "pipeline.store",
    },
    "pipeline.store": SHARED
    | {
        "pipeline.events",
        "pipeline.messages",
        "pipeline.privacy",
        "pipeline.sources",
        "pipeline.mapped",
        "pipeline.loading",
    },
}
BASICS = {"models.arrays", "models.checks"}
MODELS = {
    "models.arrays": set(),
    "models.checks": set(),
    "models.changes": BASICS | {"models.places", "models.people_scores"},
    "models.statistics": BASICS,
    "models.forecast": BASICS | {"models.statistics"},
    "models.area_rates": BASICS | {"models.statistics"},
    "models.users": set(),
    "models.governance": {"models.places", "models.users"},
    "models.places": BASICS | {"models.statistics", "models.area_rates"},
    "models.area_review": BASICS | {"models.places", "models.area_rates", "models.statistics"},
    "models.operations": BASICS | {"models.statistics", "models.governance", "models.places"},
    "models.people_scores": BASICS | {"models.statistics"},
    "models.people_lists": BASICS | {"models.statistics", "models.people_scores", "models.changes"},
    "models.evaluation": BASICS | {"models.statistics", "models.forecast", "models.places"},
    "models.effects": BASICS | {"models.statistics", "models.places", "models.operations"},
    "models.outcomes": BASICS | {"models.statistics", "models.places", "models.operations"},
    "models.simulate.world": set(),
    "models.simulate.output": {"models.simulate.world"},
    "models.simulate.behaviour": {"models.simulate.world", "models.simulate.output"},
    "models.simulate": {"models.simulate.world", "models.simulate.output", "models.simulate.behaviour"},
}
GEO: dict[str, set[str]] = {"geo.layers": {"geo"}}  # the rest of geo is flat
_READING = ("flows.home", "flows.inputs", "flows.run")
FLOWS = {  # from the ground up: the rooms of flows that each room may import
    "flows.home": set(),
    "flows.users": {"flows.home"},
    "flows.inputs": {"flows.home"},
    "flows.measures": {"flows.home", "flows.inputs"},
    "flows.run": {"flows.home", "flows.inputs", "flows.measures"},
    "flows.human_log": {*_READING},
    "flows.evaluation": {*_READING},
    "flows.ingest": {*_READING, "flows.human_log"},
    "flows.decisions": {*_READING, "flows.human_log", "flows.ingest"},
    "flows.outputs": {*_READING, "flows.human_log", "flows.decisions"},
    "flows.brief": {"flows.home", "flows.run", "flows.outputs"},
    "flows.disclosure": {*_READING, "flows.human_log", "flows.decisions", "flows.outputs"},
    "flows.health": {*_READING, "flows.human_log", "flows.ingest", "flows.decisions", "flows.brief"},
    "flows.schedule": {
        *(
            *_READING,
            "flows.human_log",
            "flows.ingest",
            "flows.decisions",
            "flows.outputs",
            "flows.health",
            "flows.brief",
        ),
    },
    "flows.new_city": {"flows.home", "flows.ingest"},
    "flows.simulation": {*_READING, "flows.ingest", "flows.decisions", "flows.schedule"},
    "flows.command": {
        *(*_READING, "flows.human_log", "flows.evaluation", "flows.ingest", "flows.decisions", "flows.outputs"),
        *(
            "flows.disclosure",
            "flows.brief",
            "flows.health",
            "flows.schedule",
            "flows.simulation",
            "flows.new_city",
            "flows.users",
            "web",
        ),
    },
}
_WEB = {
    "flows.home",
    "flows.health",
    "flows.users",
    "flows.human_log",
    "flows.run",
    "flows.decisions",
    "flows.outputs",
    "flows.brief",
}
WEB = {
    "web.entrance": _WEB,
    "web.acts": {*_WEB, "flows.evaluation", "web.entrance"},
    "web": {*_WEB, "web.entrance", "web.acts", "web.gis"},
    "web.gis": {"flows.home", "flows.outputs"},
}
ALLOWED: dict[str, set[str]] = (
    PIPELINE | MODELS | GEO | {room: {*below, "pipeline", "geo", "models"} for room, below in (FLOWS | WEB).items()}
)
DOZEN = 12
PACKAGES = ("geo", "models", "pipeline", "flows", "web")
# Queries without an order: those that yield one row, and hashes by the million, which are sorted or looked up.
ONE_ROW = {
    "pipeline/sql/files/rows_in_tables",
    *("flows/sql/quality#ingest_totals", "flows/sql/evaluation#last_day", "flows/sql/quality#placement"),
    *("flows/sql/quality#precision", "pipeline/sql/live/last_batch", "pipeline/sql/load/conflict"),
    *("flows/sql/quality#newest", "flows/sql/quality#unlocated"),
    *("pipeline/sql/load/held_extent", "pipeline/sql/store/batches#known_until"),
    "pipeline/sql/store/batches#last_at",
    "pipeline/sql/store/batches#daily_share",
    *(f"pipeline/sql/mapped/file#{name}" for name in ("gazetteer_rate", "has_odd_ids", "twins")),
    *(
        "pipeline/sql/store/batches#new",
        "pipeline/sql/store/batches#newest_incident",
        "pipeline/sql/store/batches#throughput",
    ),
    "pipeline/sql/records/involvement#counts",
    *("pipeline/sql/store/human_events#last_at", "pipeline/sql/store/human_events#log_mark"),
    "pipeline/sql/publication/has_hashes",
    *(f"pipeline/sql/store/erased_ids#{name}" for name in ("is_there", "longest")),
    "pipeline/sql/store/short_ids#keyed_until",
    "pipeline/sql/store/rehearsal#is_one",
}
HASHES = {"pipeline/sql/load/arrival_hash", "pipeline/sql/load/held_hash"}
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES}


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, inside functions and under TYPE_CHECKING, too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; name the package"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module or ""


def room_of(module: str) -> str:
    """The room in which a module stands; a module directly in a package, and each of the flat geo, is its own."""
    if module in ALLOWED:
        return module
    above = module.rpartition(".")[0]
    return above if above in ALLOWED else module


def breaches(module: str, path: Path) -> list[str]:
    """What a module imports that its room may not."""
    package, room = module.split(".")[0], room_of(module)
    found = []
    for name in imported(path):
        root, target = name.split(".")[0], room_of(name)
        if root in OUTSIDE[package]:
            found.append(name)
        elif root in PACKAGES and target != room:
            allowed = {"geo"} if package == "geo" else ALLOWED.get(room, set())
            if target not in allowed and root not in allowed:
                found.append(name)
    return found


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_room_imports_only_what_it_may(module: str) -> None:
    crossed = breaches(module, MODULES[module])
    assert not crossed, f"{module}, in room {room_of(module)}, may not import {crossed}"


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("geo.cells", "def late():\n    from pipeline.store.store import Store\n"),
        ("models.statistics.gini", "import duckdb\n"),
        ("models.forecast.fit", "from models.places import ranking\n"),
        ("models.people_scores.scoring", "from models.people_lists.rules import RULES\n"),
        ("flows.run.plans", "if TYPE_CHECKING:\n    from flows.decisions.lists import open_list\n"),
        ("pipeline.pages.report", "from pipeline.store.snapshot import open_snapshot\n"),
        ("pipeline.events.batch", "import prefect.flows\n"),
        ("web.today", "from flows.command.show import TABLES\n"),
        ("flows.outputs.render", "from web.app import create_app\n"),
    ],
)
def test_one_import_that_breaks_a_rule_is_found(tmp_path: Path, module: str, line: str) -> None:
    breach = tmp_path / "breach.py"
    breach.write_text(MODULES[module].read_text(encoding="utf-8") + line, encoding="utf-8")
    assert breaches(module, breach)


def first_circle(arrows: dict[str, set[str]]) -> list[str]:
    """Modules or rooms that import each other in a loop; empty where there is none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_files_and_no_rooms_import_each_other_in_a_circle() -> None:
    files = {module: {name for name in imported(path) if name in MODULES} for module, path in MODULES.items()}
    rooms: dict[str, set[str]] = {}
    for module, names in files.items():
        rooms.setdefault(room_of(module), set()).update({room_of(name) for name in names} - {room_of(module)})
    assert not first_circle(files)
    assert not first_circle(rooms)
    assert not first_circle({room: below & set(ALLOWED) for room, below in ALLOWED.items()})
    assert first_circle({"a": {"b"}, "b": {"a"}})


def test_a_room_has_a_dozen_files_at_most_and_says_what_belongs_in_it() -> None:
    for room in sorted(
        set(ALLOWED) - {"flows.command"} - {name for name in ALLOWED if MODULES[name].stem != "__init__"}
    ):
        folder = MODULES[room].parent
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= DOZEN, f"{room} has {len(files)} files; a dozen at most"
        assert "import" in (ast.get_docstring(ast.parse(MODULES[room].read_text(encoding="utf-8"))) or "").lower(), room


def test_every_module_stands_in_a_room() -> None:
    homeless = [m for m in MODULES if m not in PACKAGES and not m.startswith("geo.") and room_of(m) not in ALLOWED]
    assert not homeless


def test_tests_stand_in_the_rooms_of_what_they_test() -> None:
    folders = {
        str(path.parent.relative_to(ROOT / "tests"))
        for p in PACKAGES
        for path in (ROOT / "tests" / p).rglob("test_*.py")
    }
    assert folders <= {*PACKAGES, *(room.replace(".", "/") for room in ALLOWED)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not source.strip() or ast.get_docstring(ast.parse(source)), f"{path} has no module docstring"


@pytest.mark.parametrize("package", ["geo", "models"])
def test_the_clock_is_passed_in(package: str) -> None:
    reads = re.compile(r"datetime\.now|date\.today|time\.time\(|Timestamp\.now|utcnow")
    found = [p for p in sorted((ROOT / package).rglob("*.py")) if reads.search(p.read_text(encoding="utf-8"))]
    assert not found, f"{found} read the clock"


# Who keeps something in DuckDB, and who computes with it on frames, a snapshot or files; everybody else goes through
# `pipeline.store.interface`.
KEEPING = (
    "pipeline.database",
    "pipeline.store.",
    "pipeline.shared_store.",
    "pipeline.loading.",
    "pipeline.publication.",
)
COMPUTING = (
    "pipeline.privacy.pii_scan",  # searches the identities of the store or snapshot that it is given
    "pipeline.mapped.",
    "flows.inputs.",
    "flows.measures.",
    "flows.run.",
    "flows.evaluation.",
    "flows.ingest.live",
)


def test_only_who_keeps_or_computes_knows_duckdb() -> None:
    users = {module for module, path in MODULES.items() if "duckdb" in set(imported(path))}
    assert not {module for module in users if not module.startswith((*KEEPING, *COMPUTING))}
    assert {"pipeline.database", "pipeline.store.store", "flows.inputs.assembly"} <= users


def test_flows_depend_on_the_interface_of_the_store() -> None:
    """They open it (`pipeline.shared_store.opening`), and know no class of its implementation but where it is kept."""
    known = {name for module, path in MODULES.items() if module.startswith("flows.") for name in store_names(path)}
    assert known == {"Database", "moved_to"}


def store_names(path: Path) -> Iterator[str]:
    """What a file imports from the modules that implement the store."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in IMPLEMENTATION:
            yield from (alias.name for alias in node.names)


IMPLEMENTATION = {
    *(f"pipeline.store.{name}" for name in ("store", "session", "identities", "store_file")),
    *(f"pipeline.shared_store.{name}" for name in ("store", "copies", "reading", "schema", "server")),
}


def outermost(sql: str) -> str:
    """The last statement less its comments and all that stands in brackets."""
    bare = re.sub(r"--.*", "", sql)
    while (shorter := re.sub(r"\([^()]*\)", "", bare)) != bare:
        bare = shorter
    return [statement.strip() for statement in bare.split(";") if statement.strip()][-1]


def queries_of(file: Path) -> dict[str, str]:
    """The queries of a file by name; a topic has several, as in `pipeline.database.query`."""
    name, text = str(file.relative_to(ROOT).with_suffix("")), file.read_text(encoding="utf-8")
    parts = named_queries(text)
    return {f"{name}#{part}": sql for part, sql in parts.items()} if parts else {name: text}


def test_every_query_says_in_which_order_its_rows_come() -> None:
    """DuckDB keeps the order of a table it scans, not of joins, groups or windows: there its threads decide."""
    files = sorted([*(ROOT / "pipeline" / "sql").rglob("*.sql"), *(ROOT / "flows" / "sql").rglob("*.sql")])
    last = {name: outermost(text) for file in files for name, text in queries_of(file).items()}
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
    skipped = {
        ".git",
        ".venv",
        "demo",
        "build",
        "dist",
        "site",
        "__pycache__",
        ".hypothesis",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
    }
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


# What was done and what came of it, and who belongs to which group: only these import it, and no score, list or plan.
OF_OUTCOMES = (
    *("models.outcomes.", "models.effects.", "flows.measures.", "flows.disclosure.", "flows.inputs.harm_book."),
)
SEES_OUTCOMES = (
    *OF_OUTCOMES,
    *("flows.command.", "flows.outputs.", "flows.evaluation.", "flows.simulation.", "flows.health."),
    "flows.decisions.audits.",  # a named person grades cells of the harm matrix
    "flows.home.settings.",  # its settings
)
PUBLISHES_OUTCOMES = {("flows.run.prioritise", "flows.measures.measured.measure_outcomes")}
# What a force configures of them, and the names of their cells: no figure.
NO_OUTCOME = {
    *(("flows.home.settings", f"models.outcomes.unit_costs.{name}") for name in ("UnitCost", "unit_cost_of")),
    *(("flows.inputs.harm_book", f"models.outcomes.harm_book.{name}") for name in ("MATRICES", "HarmBook")),
    ("flows.decisions.audits", "models.outcomes.harm_book.MATRICES"),
}
READS_GROUPS = {"flows.disclosure.group_files": {"flows.disclosure.fairness"}}


def seen_outcomes(module: str, path: Path) -> set[tuple[str, str]]:
    """The modules of OF_OUTCOMES that a module imports, other than one that may."""
    if f"{module}.".startswith(SEES_OUTCOMES):
        return set()
    return (
        {(module, name) for name in imported_names(path) if f"{name}.".startswith(OF_OUTCOMES)}
        - PUBLISHES_OUTCOMES
        - NO_OUTCOME
    )


def imported_names(path: Path) -> Iterator[str]:
    """Yield what a file imports, each name with its module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_score_list_or_plan_sees_an_outcome_or_a_group() -> None:
    assert not {found for module, path in MODULES.items() for found in seen_outcomes(module, path)}
    for reader, users in READS_GROUPS.items():
        assert {module for module, path in MODULES.items() if reader in set(imported(path))} == users


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("models.people_scores.scoring", "from models.outcomes.fairness import compare\n"),
        ("flows.run.plans", "def late():\n    import flows.measures.measured\n"),
        ("flows.run.prioritise", "from models.outcomes import fairness\n"),
        ("flows.decisions.lists", "from flows.disclosure.group_files import read_groups\n"),
    ],
)
def test_one_import_of_an_outcome_is_found(tmp_path: Path, module: str, line: str) -> None:
    breach = tmp_path / "breach.py"
    breach.write_text(MODULES[module].read_text(encoding="utf-8") + line, encoding="utf-8")
    assert seen_outcomes(module, breach)


# What reads people, or their ids, and where: whatever shows or uses the rows has asked `listed_now.why_off` of them
# (`list_rows.ask_list`, `notice_decisions.standing_notices`), and only these read them without it.
READS_OF_PEOPLE = {
    *("read_people", "read_restricted", "read_for_rules", "published_list", "people_of_run", "people_at"),
    *("resolve_pseudonym", "resolve_pseudonyms", "all_notices", "find_notice", "open_snapshot", "open_home_snapshot"),
    *("rows_of_person", "own_ids"),
}
UNASKED = {
    # The one read, and what is built on it.
    "flows.home.store_access.read_people": "the read itself",
    "flows.home.store_access.open_home_snapshot": "opens the snapshot itself",
    "flows.human_log.list_rows.published_list": "rows as published, of ask_list and of those named below",
    "flows.human_log.list_rows.ask_list": "asks",
    "flows.human_log.list_rows.own_ids": "ids, of the two named below",
    "flows.human_log.list_rows.resolve_people": "ids of rows that were asked about",
    "flows.human_log.listed_now._published": "the question's own reads: chances and terms",
    "flows.decisions.notice_decisions._drafts": "drafts, of find_notice and all_notices",
    "flows.decisions.notice_decisions.standing_notices": "asks",
    "flows.decisions.notice_decisions._shown_notice": "asks",
    "flows.decisions.notice_decisions.do": "a decision: refusals ask; what protects or records is never refused",
    "flows.decisions.list_exports._outdated": "asks",
    "flows.decisions.list_exports.export_list": "ids of rows that were asked about",
    "flows.decisions.list_exports._usable_rows": "ends of the tiers of rows that were asked about",
    "flows.outputs.explain._decision": "of a person on no list, whom no gate and no hold keeps off now",
    "flows.disclosure.fairness._people": "counts by group of ten and more; nobody is shown",
    "flows.disclosure.subject.subject_access": "all that was held and published of one person, for that person",
    # Acts that only protect.
    "flows.decisions.lists._rows": "to revoke a list, or to take somebody off",
    "flows.decisions.lists._revocation_reason": "to revoke a list that a run downgrades",
    "flows.decisions.lists.lists_holding": "to revoke the lists that hold somebody who is erased",
    "flows.decisions.person_notices.withdraw_person_notices": "to withdraw letters",
    "flows.decisions.person_notices._not_of_later_runs": "to withdraw letters",
    "flows.decisions.notice_upkeep._record_objections": "to hear an objection",
    "flows.decisions.erasure.preview_erasure": "whether somebody is known",
    "flows.decisions.erasure.erase_person": "whether somebody is known",
    "flows.outputs.explain.read_person": "asks; whether somebody is known",
    "flows.decisions.partners._person_ref": "of a run's lists, or of a letter that was asked about",
    "pipeline.store.identities.resolve_pseudonym": "the read itself",
    "pipeline.shared_store.opening.open_snapshot": "opens the snapshot itself",
    "pipeline.store.store.erase_person": "the id to erase",
    # The machine reads for a run, and shows nobody.
    "flows.inputs.previous_run.read_previous": "a run reads its predecessor",
    "flows.run.prioritise.prioritise": "a run",
    "flows.run.prioritise.people_of_run": "a run, recomputed",
    "flows.run.prioritise.people_at": "a run, recomputed",
    "pipeline.publication.publish.list_valid_to": "a date",
    # Of places.
    "flows.outputs.explain_places.open_run": "incidents and cells",
    "flows.decisions.place_actions.operations_at": "operations",
}
# Rooms whose results are counts and figures of places.
OF_NOBODY = ("flows.evaluation.", "flows.simulation.", "flows.ingest.", "flows.schedule.")


def reads_of_people(module: str, tree: ast.AST) -> Iterator[str]:
    """Yield the functions of a module that call one of READS_OF_PEOPLE."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
            names = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
            passed = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}  # to `call`, or as a value
            if (names | passed) & READS_OF_PEOPLE:
                yield f"{module}.{node.name}"


def test_nobody_reads_people_without_asking_whether_they_still_stand() -> None:
    found = {
        name
        for module, path in MODULES.items()
        if not module.startswith(OF_NOBODY)
        for name in reads_of_people(module, ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found - set(UNASKED) == set(), "ask with list_rows.read_list or ask_list, or say here why not"
    assert set(UNASKED) - found == set(), "these read nobody any more; take them off"


@pytest.mark.parametrize(
    "line",
    [
        'def shown(home):\n    return read_people(home, "person_tier", reader="a", purpose="b")\n',
        "def shown(home):\n    return home.store.resolve_pseudonyms(['p_1'])\n",
        "def shown(call, home):\n    return call(people_of_run, home)\n",
        "async def shown(home):\n    return [row for row in published_list(home)]\n",
    ],
)
def test_a_read_that_passes_the_question_by_is_found(line: str) -> None:
    assert list(reads_of_people("flows.command.new", ast.parse(line))) == ["flows.command.new.shown"]
