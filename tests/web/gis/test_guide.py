"""Each step of docs/gis.md is run as it stands there, with the address of a service that answers."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.web.gis.test_clients import QGIS, has_qgis

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "gis.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^```(bash|python(?: qgis)?)\n(.*?)^```", GUIDE, flags=re.MULTILINE | re.DOTALL)
BY_QGIS = "from qgis.core import QgsApplication\nimport os\napp = QgsApplication([], False)\napp.initQgis()\n"


@pytest.mark.parametrize(("language", "text"), STEPS, ids=[f"{n} {language}" for n, (language, _) in enumerate(STEPS)])
def test_a_step_runs(language: str, text: str, address: str, tmp_path: Path) -> None:
    text = text.replace("http://127.0.0.1:8750/gis", address)
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)}
    if language == "python qgis":
        if not has_qgis():
            pytest.skip("needs QGIS: Debian's python3-qgis")
        command = [QGIS, "-c", f"{BY_QGIS}{text}\nimport sys; sys.stdout.flush(); os._exit(0)"]
    elif language == "bash":
        missing = [tool for tool in ("curl", "ogrinfo", "ogr2ogr") if tool in text and not shutil.which(tool)]
        if missing:
            pytest.skip(f"needs {missing[0]}")
        command = ["bash", "-euc", text]
    else:
        command = [sys.executable, "-c", text]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert told.returncode == 0 and told.stdout.strip() and "ERROR" not in told.stderr, told.stderr[-2000:]


def test_the_guide_has_steps_for_every_client() -> None:
    assert [language for language, _ in STEPS].count("python qgis") == 1
    assert all(name in GUIDE for name in ("## QGIS", "## ArcGIS Pro", "## GDAL", "## geopandas"))
