"""What goes into the image, what containers and units find when they start, and what they may do."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.errors import KeyFileError
from pipeline.events.columns import TOPICS
from pipeline.privacy.keys import KEY_FILE_VARIABLE, KEY_VARIABLE, load_key

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


def test_prometheus_scrapes_the_ports_that_units_and_containers_answer_on() -> None:
    text = (ROOT / "deploy" / "prometheus.yml").read_text()
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    commands = {
        "127.0.0.1": [re.search("^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)[1] for unit in UNITS],  # type: ignore[index]
        "container": [services[name]["command"] for name in ("worker", "stream")],
    }
    ports = {where: {re.search(r"(\d+)$", line)[1] for line in lines} for where, lines in commands.items()}  # type: ignore[index]
    (scraped,) = yaml.safe_load(text)["scrape_configs"][0]["static_configs"]
    assert {target.rpartition(":")[2] for target in scraped["targets"]} == ports["127.0.0.1"] == {"9107", "9108"}
    named = {f"{name}:{services[name]['expose'][0]}" for name in ("worker", "stream")}
    assert set(re.findall(r"(?:worker|stream):\d+", text)) == named
    assert {target.rpartition(":")[2] for target in named} == ports["container"]
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?:worker|stream):\d+", page)) == named


COMPOSE = ROOT / "docker-compose.yml"
OURS = ("home", "worker", "stream")
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def test_no_container_is_root_gains_rights_or_takes_the_whole_machine() -> None:
    for name, service in yaml.safe_load(COMPOSE.read_text())["services"].items():
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"] and service["pids_limit"], name
        assert service["read_only"] if name != "kafka" else "read_only" not in service, name
        assert "build" in service or re.search(r":\d+\.\d+", service["image"]), f"{name}: a tag that moves"
        assert not service.get("privileged") and "network_mode" not in service, name


def test_secrets_are_files_and_whoever_is_stopped_is_given_time() -> None:
    document = yaml.safe_load(COMPOSE.read_text())
    services = document["services"]
    assert set(document["secrets"]) == {"harmspot_key", "postgres_password", "store_password"}
    for name in OURS:
        assert services[name]["secrets"] == ["harmspot_key", "store_password"]
        assert services[name]["environment"]["HARMSPOT_KEY_FILE"] == "/run/secrets/harmspot_key"
    for service in services.values():
        for key, value in service.get("environment", {}).items():
            assert key.endswith("_FILE") or not re.search("PASSWORD|SECRET|KEY$", key), key
            assert not re.search(r"://[^/]*:[^/]*@", str(value)), key  # an address with a password
    # Longer than the 15 s in which a Prefect server ends, and a batch is kept.
    for name in ("worker", "stream", "kafka", "postgres"):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) >= 60, name


def test_compose_takes_the_file() -> None:
    asked = ["docker", "compose", "--file", str(COMPOSE), "config", "--quiet"]
    if (
        not shutil.which("docker")
        or subprocess.run([*asked[:2], "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no docker compose here; the other tests of this file read the file themselves")
    named = dict.fromkeys(("HARMSPOT_CONFIG_FOLDER", "HARMSPOT_KEY_FILE", "POSTGRES_PASSWORD_FILE"), "/tmp/x")
    done = subprocess.run(asked, env={**os.environ, **named}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_image_runs_as_the_user_of_the_containers() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "useradd --uid 1000 --create-home harmspot" in lines[1]
    assert lines[-2] == "USER harmspot"


@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_the_units_confine_what_they_start(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    for line in (
        "User=harmspot",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "LoadCredential=key:/etc/harmspot/key",
        "Environment=HARMSPOT_KEY_FILE=%d/key",
        "KillMode=mixed",
        "TimeoutStopSec=90",
        "MemoryMax=8G",
    ):
        assert line in text.splitlines(), line
    assert re.search(r"^ExecStart=/opt/harmspot/.venv/bin/harmspot (schedule|stream)", text, re.MULTILINE)
    if shutil.which("systemd-analyze"):
        installed = tmp_path / unit.name
        installed.write_text(text.replace("/opt/harmspot/.venv/bin/harmspot", sys.executable))
        done = subprocess.run(["systemd-analyze", "verify", installed], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_secret_may_stand_in_a_file_that_a_secret_manager_mounts(tmp_path: Path) -> None:
    (tmp_path / "mounted").write_text("5e" * 32 + "\n")
    (tmp_path / "mounted").chmod(0o444)
    named = {KEY_FILE_VARIABLE: str(tmp_path / "mounted")}
    assert load_key(tmp_path, named) == load_key(tmp_path, {KEY_VARIABLE: "5e" * 32})
    with pytest.raises(KeyFileError, match="nowhere cannot be read"):
        load_key(tmp_path, {KEY_FILE_VARIABLE: str(tmp_path / "nowhere")})


def test_the_shared_store_is_reached_by_a_socket_and_with_a_password_alone() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    store = compose["services"]["store"]
    assert store["profiles"] == ["shared"]
    assert "listen_addresses=" in store["command"] and "ports" not in store
    assert "--auth-local=scram-sha-256" in store["environment"]["POSTGRES_INITDB_ARGS"]
    sockets = {
        name: next(v for v in compose["services"][name]["volumes"] if "socket" in v) for name in ("store", "stream")
    }
    assert sockets == {"store": "store-socket:/var/run/postgresql", "stream": "store-socket:/run/store"}
    for name in ("home", "worker", "stream"):
        service = compose["services"][name]
        assert "host=/run/store" in service["environment"]["HARMSPOT__STORE__ADDRESS"]
        assert service["environment"]["HARMSPOT__STORE__ENGINE"].endswith(":-duckdb}")
        assert "store_password" in service["secrets"]
