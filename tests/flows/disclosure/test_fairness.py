"""The fairness audit of a home: what it shows, what it withholds, who may read it, and that nothing else sees a group."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from flows.command import cli
from flows.decisions.audits import record_audit
from flows.disclosure.fairness import GivenFiles, write_fairness_page
from flows.home.home import Home
from models.users.roles import MAY
from pipeline.errors import HarmspotError, PurposeError
from pipeline.privacy.pii_guard import PSEUDONYM
from tests.town import AS_OF, TownRun

READING = {"reader": "Auditor, J. Sol", "purpose": "monthly fairness audit"}


@pytest.fixture(scope="module")
def groups(town_run: TownRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two groupings of the town's people, drawn apart from all that they did; one person in ten is in neither."""
    ids, random = town_run.truth("people")["person_id"], np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "person_id": ids,
            "quarter": random.choice(["east", "west", ""], len(ids), p=[0.5, 0.4, 0.1]),
            "tongue": random.choice(["first", "second", "third"], len(ids), p=[0.7, 0.28, 0.02]),
        }
    )
    path = tmp_path_factory.mktemp("groups") / "groups.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def page(town_run: TownRun, groups: Path) -> str:
    path = groups.with_name("fairness.html")
    made_on = write_fairness_page(town_run.home, None, GivenFiles(groups), path, **READING)
    assert made_on == AS_OF
    return path.read_text()


def test_x(page, groups):
    pass
