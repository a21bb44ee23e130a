"""Small wrongs: every version of a rule book with one thing in it changed, as source text.

Tools at hand mutate the bodies of functions; the rules are lambdas in tables, and what can go wrong in a table is a
missing line, a swapped line, a wrong column, an ≥ that became a >. Words for people are left alone: they decide
nothing.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CALLS = {"eq": "ne", "ge": "gt", "notna": "isna", "isin": "ne", "floor": "ceil"}
OPERATORS = {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Sub: ast.Add}
WORDS = {"asks", "words"}
RULE_FIELDS = ("name", "holds", "outcome", "asks", "words", "grounds")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong version: where, what, and the whole source."""

    line: int
    what: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of `source`, in the order of its lines."""
    tree = ast.parse(source)
    nodes = [node for node in ast.walk(tree) if not isinstance(node, ast.Module)]
    skipped = _unspoken(tree)
    for position, node in enumerate(nodes):
        if id(node) in skipped:
            continue
        for what, change in _changes(node):
            wrong = copy.deepcopy(tree)
            target = [each for each in ast.walk(wrong) if not isinstance(each, ast.Module)][position]
            replacement = change(target)
            if replacement is not target:
                wrong = _Replace(target, replacement).visit(wrong)
            yield Mutant(getattr(node, "lineno", 0), what, ast.unparse(ast.fix_missing_locations(wrong)))


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], ast.AST]]]:
    """What can be done to a node: words, and a function that does it to the same node of a copy."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        yield f"{type(node.op).__name__} → {OPERATORS[type(node.op)].__name__}", _operator
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        yield f"~ dropped from {ast.unparse(node.operand)}", lambda n: n.operand  # type: ignore[attr-defined]
    if isinstance(node, ast.Attribute) and node.attr in CALLS:
        yield f".{node.attr} → .{CALLS[node.attr]}", _call
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "where":
        yield f"{ast.unparse(node)[:60]}: where dropped", lambda n: n.func.value  # type: ignore[attr-defined]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield f"{node.value!r} → {_wrong(node.value)!r}", _constant
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield f"{node.value} → {node.value + 1}", _constant
    if isinstance(node, ast.Tuple) and len(node.elts) > 1:
        for i in range(len(node.elts)):
            yield f"{_name(node.elts[i])} left out", lambda n, i=i: _without(n, i)  # type: ignore[misc]
        for i in range(len(node.elts) - 1):
            yield f"{_name(node.elts[i])} after {_name(node.elts[i + 1])}", lambda n, i=i: _swapped(n, i)  # type: ignore[misc]


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else super().visit(node)


def _operator(node: ast.AST) -> ast.AST:
    node.op = OPERATORS[type(node.op)]()  # type: ignore[attr-defined]
    return node


def _call(node: ast.AST) -> ast.AST:
    node.attr = CALLS[node.attr]  # type: ignore[attr-defined]
    return node


def _constant(node: ast.AST) -> ast.AST:
    value = node.value  # type: ignore[attr-defined]
    node.value = _wrong(value) if isinstance(value, str) else value + 1  # type: ignore[attr-defined]
    return node


COLUMNS = (
    "is_deceased", "is_under_18", "is_age_unknown", "has_offence", "has_use", "is_child_concern",
    "is_treatment_consented", "is_treatment_engaged", "is_away", "has_harm", "has_exposure", "is_above_average",
    "sells_outside_market", "is_term_over", "is_sale_term_over",
)  # fmt: skip


def _wrong(text: str) -> str:
    """Another column for a column, so that the mutant runs; another word for a word."""
    return COLUMNS[(COLUMNS.index(text) + 1) % len(COLUMNS)] if text in COLUMNS else f"not_{text}"


def _without(node: ast.AST, i: int) -> ast.AST:
    del node.elts[i]  # type: ignore[attr-defined]
    return node


def _swapped(node: ast.AST, i: int) -> ast.AST:
    elements = node.elts  # type: ignore[attr-defined]
    elements[i], elements[i + 1] = elements[i + 1], elements[i]
    return node


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        return f"rule {node.args[0].value}"
    return ast.unparse(node)[:40]


def _unspoken(tree: ast.AST) -> set[int]:
    """Nodes that decide nothing: docstrings, annotations, and a rule's words."""
    left: set[int] = set()

    def leave(node: ast.AST | None) -> None:
        left.update(id(each) for each in ast.walk(node)) if node is not None else None

    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            leave(node)
        if isinstance(node, ast.arg | ast.AnnAssign):
            leave(node.annotation)
        if isinstance(node, ast.FunctionDef):
            leave(node.returns)
        if isinstance(node, ast.ClassDef):
            leave(node)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "Test":
            leave(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Rule":
            for field, argument in zip(RULE_FIELDS, node.args, strict=False):
                if field in WORDS:
                    leave(argument)
    return left
