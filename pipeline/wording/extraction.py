"""Extraction of messages with Babel: from templates, Python, tables.yml and the patterns of sentences."""

import ast
from collections.abc import Iterator
from importlib import resources
from io import BytesIO
from pathlib import Path

import yaml
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from pipeline.wording.sentences import patterns

ROOT = Path(str(resources.files("pipeline"))).parent
LOCALE = ROOT / "pipeline" / "wording" / "locale"
PACKAGES = ("pipeline", "flows", "models", "web")
TEMPLATES = ("pipeline/pages/templates", "web/templates")
OF_CATALOGUE = {"text", "html", "sentence", "plural"}
MARKS = {"_", "_n", "message"}
OF_TABLES = ("head", "tip", "label")


def extracted() -> Catalog:
    """Return every message of this version, with the files that use it."""
    messages = Catalog(project="harmspot", charset="utf-8", fuzzy=False)
    for path, message in sorted(_all(), key=lambda found: (found[0], str(found[1]))):
        messages.add(message, locations=[(path, 0)])
    return messages


def template() -> bytes:
    """Return the messages without translations, for a force that writes its own."""
    return _written(extracted())


def update_all() -> str:
    """Bring the shipped translations up to date; return one line for each on what is missing."""
    lines, messages = [], extracted()
    for path in sorted(LOCALE.glob("*.po")):
        with path.open("rb") as file:
            kept = read_po(file, locale=path.stem)
        kept.update(messages, no_fuzzy_matching=True)
        kept.obsolete.clear()
        path.write_bytes(_written(kept))
        missing = [message for message in kept if message.id and not all(_strings(message.string))]
        lines.append(f"{path.name}: {len(kept)} messages, {len(missing)} without a translation\n")
    return "".join(lines)


def _written(messages: Catalog) -> bytes:
    file = BytesIO()
    write_po(file, messages, width=120, sort_output=True, include_lineno=False, omit_header=False)
    dated = (b'"POT-', b'"PO-Revision', b'"Generated-By', b'"Last-Tr', b'"Report-', b'"Language-Team', b"#, python")
    return b"\n".join(line for line in file.getvalue().split(b"\n") if not line.startswith(dated))


def _strings(text: str | list[str] | tuple[str, ...] | None) -> list[str]:
    return [text or ""] if isinstance(text, str | None) else list(text)


def _all() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for pattern in patterns():
        yield "pipeline/wording/sentences.txt", pattern
    for path in (path for folder in TEMPLATES for path in sorted((ROOT / folder).rglob("*.jinja"))):
        with path.open("rb") as file:
            for _, _, found, _ in babel_extract(file, ["_", "_n"], [], {"silent": "false"}):
                if isinstance(found, str):
                    yield _name(path), found
                elif found is not None:  # a message that stands elsewhere has none here
                    texts = tuple(text for text in found[:2] if text is not None)
                    if texts:
                        yield _name(path), texts if len(texts) == 2 else texts[0]
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        for found in of_python(path.read_text(encoding="utf-8")):
            yield _name(path), found
    path = ROOT / "pipeline" / "publication" / "tables.yml"
    for found in sorted(set(_of_tables(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)))):
        yield _name(path), found


def of_python(source: str) -> Iterator[str | tuple[str, ...]]:
    """Yield the messages of calls as `catalogue.text("…")`, `self._catalogue.plural("…", "…", n)`, `message("…")`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and (name := _called(node.func)):
            constants = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
            texts = [text for text in constants if isinstance(text, str)]
            if name in ("plural", "_n") and len(texts) == 2:
                yield tuple(texts)
            elif texts and name not in ("plural", "_n"):
                yield texts[0]


def _called(function: ast.expr) -> str | None:
    """Return the name of a function that takes a message."""
    if isinstance(function, ast.Name):
        return function.id if function.id in MARKS else None
    if isinstance(function, ast.Attribute) and function.attr in OF_CATALOGUE:
        owner = function.value
        last = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        return function.attr if last.endswith("catalogue") else None
    return None


def _of_tables(described: object) -> Iterator[str]:
    if isinstance(described, dict):
        for name, body in described.items():
            if name in OF_TABLES and isinstance(body, str) and body:
                yield body
            else:
                yield from _of_tables(body)
    elif isinstance(described, list):
        for body in described:
            yield from _of_tables(body)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
