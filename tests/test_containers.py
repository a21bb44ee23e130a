"""What goes into the image, and what the containers find when they start."""

import re
from pathlib import Path

import yaml

from pipeline.events.columns import TOPICS

ROOT = Path(__file__).resolve().parents[1]
CODE = {
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements.in",
    "requirements.lock",
    "pipeline",
    "geo",
    "models",
    "flows",
    "configs",
}


def test_the_image_holds_the_code_alone() -> None:
    """A home may stand anywhere in the folder, so everything is left out but what is named."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == CODE
    assert {"**/key", "**/*.duckdb", "**/access.log"} <= set(lines)


def test_every_topic_is_made_before_anything_reads_it() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    made = re.search(r"for topic in ([\w ]+);", services["topics"]["command"][-1])
    assert made and {*TOPICS, "changes", "notices", "referrals", "watches", "safeguarding"} == set(made[1].split())
    for reader in ("worker", "stream"):
        assert services[reader]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}


def test_the_home_is_made_before_anything_that_refuses_to_make_one() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    home = services["home"]
    assert home["command"] == "harmspot init"
    for user in ("worker", "stream"):
        assert services[user]["depends_on"]["home"] == {"condition": "service_completed_successfully"}
        assert home["environment"].items() <= services[user]["environment"].items()
        assert services[user]["volumes"] == home["volumes"]


def test_the_worker_and_the_stream_are_asked_whether_they_are_ready() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name in ("worker", "stream"):
        port = re.search(r"--metrics-port 0\.0\.0\.0:(\d+)$", services[name]["command"])
        assert port and services[name]["expose"] == [port[1]]
        assert f":{port[1]}/readyz" in services[name]["healthcheck"]["test"][-1]
