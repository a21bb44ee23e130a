"""Settings: order of precedence, closed keys, paths relative to the file that names them."""

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
import yaml

from flows.home.settings import CONFIGS, Settings, SettingsError, load_settings


def written(folder: Path, text: str) -> Path:
    path = folder / "force.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_load() -> None:
    settings = load_settings(environment={})
    assert settings.places.cell_size_m == 150
    assert settings.ingest.codebook == CONFIGS / "codebooks" / "harm.csv"


def test_file_overrides_default_and_environment_overrides_file(tmp_path: Path) -> None:
    chosen = written(tmp_path, "places: {top_k: 7, draws: 500}\n")
    settings = load_settings(chosen, environment={"HARMSPOT__PLACES__TOP_K": "9"})
    assert (settings.places.top_k, settings.places.draws) == (9, 500)


def test_the_default_file_has_a_line_for_each_field_in_their_order() -> None:
    def keys(section: type) -> dict[str, Any]:
        kinds = get_type_hints(section)
        return {name: keys(kind) if is_dataclass(kind) else None for name, kind in kinds.items()}

    def named(values: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        return {name: named(value, known[name]) if known[name] else None for name, value in values.items()}

    known = keys(Settings)
    lines = named(yaml.safe_load((CONFIGS / "default.yaml").read_text(encoding="utf-8")), known)
    assert repr(lines) == repr(known)


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    chosen = written(tmp_path, "force: {areas: {path: map/areas.geojson}}\n")
    assert load_settings(chosen, environment={}).force.areas.path == tmp_path / "map" / "areas.geojson"


def test_areas_of_one_set_are_set_as_ever() -> None:
    areas = load_settings(environment={"HARMSPOT__FORCE__AREAS__PATH": "/maps/a.geojson"}).force.areas
    assert (areas.path, areas.set, areas.layer, dict(areas.further)) == (Path("/maps/a.geojson"), "area", None, {})


def test_a_further_set_has_the_defaults_of_the_main_one(tmp_path: Path) -> None:
    """What `configs/default.yaml` says of the main set holds for a further set that says nothing of it."""
    areas = load_settings(written(tmp_path, "force: {areas: {further: {beat: {path: b.gpkg}}}}\n"), {}).force.areas
    beat = areas.further["beat"]
    assert beat.path == tmp_path / "b.gpkg"
    assert beat.top_k is None
    for name in ("layer", "id_column", "name_column", "version", "note"):
        assert getattr(beat, name) == getattr(areas, name), name


def test_variables_set_and_add_further_sets_over_those_of_the_file(tmp_path: Path) -> None:
    chosen = written(tmp_path, "force: {areas: {further: {beat: {path: maps/b.gpkg, id_column: BEAT}}}}\n")
    variables = {"BEAT__VERSION": "2026", "TRACT__PATH": "/maps/t.gpkg", "TRACT__TOP_K": "20", "TRACT__LAYER": "2020"}
    named = {f"HARMSPOT__FORCE__AREAS__FURTHER__{name}": f"'{text}'" if name.endswith("LAYER") else text
             for name, text in variables.items()}  # fmt: skip
    further = load_settings(chosen, environment=named).force.areas.further
    assert (further["beat"].path, further["beat"].id_column) == (tmp_path / "maps" / "b.gpkg", "BEAT")
    assert further["beat"].version == 2026
    assert (further["tract"].path, further["tract"].top_k, further["tract"].layer) == (Path("/maps/t.gpkg"), 20, "2020")


@pytest.mark.parametrize(
    "change",
    [
        "{further: {beat: {path: other/b.gpkg, version: 2}}}",
        "{further: {beat: {path: other/b.gpkg, layer: beats}}}",
        "{further: {beat: {path: other/b.gpkg, top_k: 3}}}",
        "{further: {ward: {path: other/b.gpkg}}}",
        "{further: {beat: {path: other/b.gpkg}}, layer: districts}",
        "{}",
    ],
)
def test_the_identity_of_a_run_holds_what_decides_of_each_set_but_no_path(tmp_path: Path, change: str) -> None:
    def identity(areas: str) -> str:
        return load_settings(written(tmp_path, f"force: {{areas: {areas}}}\n"), environment={}).identity()

    here = identity("{further: {beat: {path: b.gpkg}}}")
    assert here == identity("{further: {beat: {path: other/b.gpkg}}}") != identity(change)
    assert here == identity("{further: {beat: {path: b.gpkg}}, set: district}")  # a name changes no figure


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plaices: {}\n", "did you mean 'places'"),
        ("places: {top_q: 3}\n", "'places.top_q'; did you mean 'top_k'"),
        ("places: 3\n", "expected a section"),
        ("- a\n", "expected sections"),
        ("places: {draws: 0}\n", "draws"),
        ("places: {discoveries: [public, police]}\n", "police"),
        ("force: {time_zone: Mars/Olympus}\n", "expected an IANA zone"),
        ("ingest: {mapping: nowhere}\n", "shipped are"),
        ("ingest: {sources: kafka}\n", "ingest.sources='kafka': expected a list"),
        ("stream: {live: often}\n", "stream.live='often': expected true or false"),
        ("stream: {group: 3}\n", "stream.group=3: expected text or null"),
        ("layers: {formats: [geojson, dwg]}\n", "layers.formats: 'dwg' is unknown; expected some of geopackage"),
        ("seed: true\n", "seed=True: expected a whole number"),
        ("force: {areas: {layers: a}}\n", "'force.areas.layers'; did you mean 'layer'"),
        ("force: {areas: {further: {beat: {pth: b}}}}\n", "'force.areas.further.beat.pth'; did you mean 'path'"),
        ("force: {areas: {further: {beat: {id_column: b}}}}\n", "force.areas.further.beat lacks path"),
        ("force: {areas: {further: {beat: {path: null}}}}\n", "further.beat.path is not set"),
        ("force: {areas: {further: {beat: b.gpkg}}}\n", "further.beat is of type str: expected a section with path"),
        ("force: {areas: {further: {Police Beat: {path: b}}}}\n", "further.Police Beat: expected a name of small"),
        ("force: {areas: {further: {7: {path: b}}}}\n", "further.7: expected a name of small letters"),
        (
            "force: {areas: {further: {area: {path: b}}}}\n",
            "force.areas.further.area: 'area' is the name of other shapes",
        ),
        ("force: {areas: {further: {beat: {path: b, top_k: 0}}}}\n", "further.beat.top_k=0: expected at least 1"),
        ("force: {areas: {further: {beat: {path: b, top_k: x}}}}\n", "further.beat.top_k='x': expected a whole number"),
        ("force: {areas: {path: 3}}\n", "force.areas.path=3: expected a path or null"),
        ("force: {staffing: {assumed_total_hours_per_day: x}}\n", "assumed_total_hours_per_day='x': expected a number"),
        ("partners: {recipients: [{name: a, topic: {}}]}\n", "'partners.recipients.topic'; did you mean 'topics'"),
        ("partners: {recipients: [3]}\n", "partners.recipients is of type int: expected a section with name"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings(written(tmp_path, text), environment={})


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="give an existing file"):
        load_settings(tmp_path / "absent.yaml", environment={})


def test_a_misspelt_variable_is_refused() -> None:
    with pytest.raises(SettingsError, match="HARMSPOT__PLACES__TOPK"):
        load_settings(environment={"HARMSPOT__PLACES__TOPK": "3"})


def test_identity_ignores_where_files_stand_and_sees_what_decides(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    text = "force: {areas: {path: areas.geojson}}\n"
    here = load_settings(written(tmp_path / "a", text), environment={})
    there = load_settings(written(tmp_path / "b", text), environment={})
    changed = load_settings(written(tmp_path / "b", text + "places: {top_k: 6}\n"), environment={})
    assert here.identity() == there.identity() != changed.identity()


def test_a_whole_number_is_kept_as_it_is_written(tmp_path: Path) -> None:
    """The identity of a run holds the numbers of its settings: 180 made 180.0 would be another run."""
    half_life = load_settings(written(tmp_path, "places: {half_life_days: 90}"), environment={}).places.half_life_days
    assert isinstance(half_life, int)


def test_secrets_do_not_show(tmp_path: Path) -> None:
    chosen = written(tmp_path, "kafka: {security: {sasl_plain_password: hunter2}}\n")
    assert "hunter2" not in repr(load_settings(chosen, environment={}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kafka:\n  security: {sasl_plain_password: "Zebra-99}\n', "line 3, column 1: found unexpected end of stream"),
        (
            "kafka:\n  security:\n    sasl_plain_password: Zebra: 99\n",
            "line 3, column 31: mapping values are not allowed",
        ),
        ("kafka:\n  security:\n    sasl_plain_password: @Zebra-99\n", "line 3, column 26: found character"),
        ("kafka:\n  security:\n    sasl_plain_password: *Zebra-99\n", "line 3, column 26: found undefined alias"),
        ("kafka:\n  security:\n    sasl_plain_password: !Zebra-99\n", "could not determine a constructor"),
        ("kafka:\n  security:\n    sasl_plain_password: !!int Zebra-99\n", "not readable as YAML"),
        ("kafka:\n  security: Zebra-99\n", "kafka.security is of type str"),
        ("kafka: Zebra-99\n", "kafka is of type str: expected a section"),
    ],
)
def test_no_error_repeats_what_may_be_a_secret(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load_settings(file, {})
    assert words in str(refused.value)
    shown = str(refused.value).replace(str(file), "")
    assert not any(part in shown for part in ("Zebra", "99", "aberZ"))
    assert refused.value.__cause__ is None


def fields(section: type, at: str = "") -> Iterator[tuple[str, set[Any]]]:
    """Each field of the settings by its path of keys, with the types that it may have."""
    for name, kind in get_type_hints(section).items():
        if is_dataclass(kind):
            yield from fields(kind, f"{at}{name}.")
        else:
            yield f"{at}{name}", {get_origin(one) or one for one in (kind, *get_args(kind))}


SHAPES = ["Zebra-99", 3, True, None, [], [{"a": "Zebra-99"}], {"a": "Zebra-99"}, {1: "Zebra-99"}]
OF_TYPE = {Path: str, Mapping: dict, str: str, tuple: list}
WRONG: list[tuple[str, Any]] = [
    (at, shape)
    for at, kinds in fields(Settings)
    if kinds & {Path, Mapping}
    for shape in SHAPES
    if not isinstance(shape, tuple(OF_TYPE[kind] for kind in kinds & OF_TYPE.keys()))
    if not (shape is None and type(None) in kinds)
]
WRONG += [(at, {1: "Zebra-99"}) for at in ("sources", "kafka.security", "places.weights", "people.weights")]
WRONG += [("places.weights", {"violence": "Zebra-99"}), ("kafka.security", {1: 2, "ssl_cafile": 3})]
WRONG += [("force.fidelity", "a\0b"), ("ingest.mapping", "a\0b")]
WRONG += [("ingest.sources", shape) for shape in ([{"a": "Zebra-99"}], [3], [None], {"a": "Zebra-99"}, ["a\0b"])]
WRONG += [("ingest.mappings", shape) for shape in ([{"a": "Zebra-99"}], [3], [None])]
WRONG += [("partners.recipients", [{"name": "a", "topics": shape}]) for shape in (None, 3, [3], {"notices": 3})]
WRONG += [("partners.recipients", shape) for shape in ([{}], [[]], None, {}, "Zebra-99")]
WRONG += [("places.discoveries", shape) for shape in (3, [[]], [{}], {})]


@pytest.mark.parametrize(("at", "shape"), WRONG)
def test_a_value_of_a_wrong_shape_is_refused_by_its_key(tmp_path: Path, at: str, shape: Any) -> None:
    """In a file as in a variable; what stands in place of a section may be a secret and is not shown."""
    section: Any = shape
    for key in reversed(at.split(".")):
        section = {key: section}
    variable = f"HARMSPOT__{at.upper().replace('.', '__')}"
    with pytest.raises(SettingsError) as refused:
        load_settings(written(tmp_path, yaml.safe_dump(section)), environment={})
    with pytest.raises(SettingsError) as refused_too:
        load_settings(environment={variable: yaml.safe_dump(shape)})
    for said in (str(refused.value), str(refused_too.value)):
        assert at in said or (at == "ingest.mapping" and "mapping" in said)
        assert "Zebra" not in said or at == "partners.recipients" or at == "places.weights"


def test_a_variable_that_yaml_takes_for_a_date_that_is_none_is_text() -> None:
    assert (
        load_settings(environment={"HARMSPOT__FORCE__AREAS__VERSION": "2026-13-45"}).force.areas.version == "2026-13-45"
    )


def test_files_of_the_security_settings_are_relative_to_their_configuration(tmp_path: Path) -> None:
    chosen = written(tmp_path, "kafka: {security: {ssl_cafile: ca.pem, ssl_password: key.pem}}\n")
    security = load_settings(chosen, environment={}).kafka.security
    assert security == {"ssl_cafile": (tmp_path / "ca.pem").resolve(), "ssl_password": "key.pem"}


@pytest.mark.parametrize("key", ["force.areas", "force.areas.further.beat"])
def test_ranking_per_resident_needs_the_column_of_every_set(tmp_path: Path, key: str) -> None:
    column = {"path": "a.geojson", "residents_column": "people"}
    further = {"beat": column if key == "force.areas" else {"path": "b.geojson"}}
    areas = {**({"path": "a.geojson"} if key == "force.areas" else column), "further": further}
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump({"force": {"areas": areas}, "places": {"per": "residents"}}), encoding="utf-8")
    with pytest.raises(SettingsError, match=f"places.per='residents': {key}.residents_column is not set"):
        load_settings(file, environment={})
    file.write_text(yaml.safe_dump({"force": {"areas": areas}, "places": {"per": "area_km2"}}), encoding="utf-8")
    assert load_settings(file, environment={}).places.per == "area_km2"


def test_what_areas_can_be_ranked_per_is_named_where_it_is_no_word(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"places.per=5: expected one of total, residents, street_km, area_km2"):
        load_settings(written(tmp_path, "places: {per: 5}\n"), environment={})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HARMSPOT_FORCE_NAME", "HARMSPOT__FORCE__NAME"),
        ("HARMSPOT_KAFKA_BOOTSTRAP_SERVERS", "HARMSPOT__KAFKA__BOOTSTRAP_SERVERS"),
        ("HARMSPOT_SEED", "HARMSPOT__SEED"),
    ],
)
def test_a_variable_with_single_underscores_is_refused_with_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} sets nothing; .* {meant}"):
        load_settings(None, {name: "5"})


def test_the_variables_that_are_no_settings_stay() -> None:
    others = dict.fromkeys(
        ("HARMSPOT_HOME", "HARMSPOT_CONFIG", "HARMSPOT_CLOCK", "HARMSPOT_KEY", "HARMSPOT_TOKEN"), "x"
    )
    assert load_settings(None, others) == load_settings(None, {})
