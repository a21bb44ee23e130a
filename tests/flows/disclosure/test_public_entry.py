"""The public register entry: purpose, data, tests and complaints of the system in a force, and nobody in it."""

import re
from pathlib import Path

from click.testing import CliRunner

from flows.command import cli
from flows.disclosure.public_entry import FORCE, public_entry
from flows.disclosure.register import read_register
from pipeline.privacy.pii_guard import PSEUDONYM
from pipeline.terminal_text import inert_in_markdown
from tests.town import CLOCK, TownRun


def test_it_says_purpose_data_decisions_tests_and_complaints_and_names_nobody(town_run: TownRun) -> None:
    entry = public_entry(town_run.home)
    heads = re.findall(r"^## (.*)", entry, re.MULTILINE)
    assert heads == [
        *("Tier 1: overview", "1. Owner and responsibility", "2. Purpose and rationale", "3. Decisions"),
        *("4. Method and data", "5. Risks, safeguards and tests"),
    ]
    notices = town_run.home.settings.notices
    assert inert_in_markdown(notices.text("complaint_route", notices.languages[0])) in entry
    assert all(safeguard.promise in entry for safeguard in read_register())
    assert f"person tier {len(town_run.restricted('person_tier')):,}" in entry
    assert "Two people decide on every list and every notice" in entry
    assert FORCE in entry
    assert not re.search(PSEUDONYM, entry)
    assert entry == public_entry(town_run.home)


def test_the_command_writes_it(town_run: TownRun, tmp_path: Path) -> None:
    home = town_run.home
    base = ["--home", str(home.path), "--config", str(home.config_file), "--clock", CLOCK.isoformat()]
    done = CliRunner().invoke(cli, [*base, "audit", "register", "--out", str(tmp_path / "register.md")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "register.md").read_text(encoding="utf-8") == public_entry(home)
