"""Versions of incidents: the first record, corrections, cancellations, outcomes, and when each arrives.

The versions of an incident are drawn from its number alone, so no other incident can change them.
"""

import numpy as np

from models.simulate.output.incident import concatenate
from models.simulate.world.days import DAY_S
from models.simulate.world.draws import uniforms
from models.simulate.world.town import Town
from models.simulate.world.vocabulary import CODE, OFFENCES, ROLE, STATUS

LABELS = ("ordinary", "late", "out_of_order", "amended", "cancelled", "outcome")
LABEL = {name: number for number, name in enumerate(LABELS)}

LATE_SHARE = 0.02  # recorded 2 to 45 days after the report
AMENDED_SHARE = 0.04  # offence or place corrected within a month
CANCELLED_SHARE = 0.012
OVERTAKEN_SHARE = 0.15  # of corrected ones: the correction arrives first
_AMENDED = OFFENCES["amended_to"].map(CODE).to_numpy()


def versions(incidents: np.ndarray, town: Town) -> np.ndarray:
    """Return every version of the incidents: originals, then corrections, then outcomes in court."""
    originals = _originals(incidents)
    corrected, is_corrected = _corrections(incidents, originals, town)
    is_overtaken = is_corrected & (uniforms(incidents["number"], 45) < OVERTAKEN_SHARE)
    overtaken = originals.copy()
    overtaken["arrives_s"][is_overtaken] = corrected["arrives_s"][is_overtaken] + 3600
    overtaken["label"][is_overtaken] = LABEL["out_of_order"]
    return concatenate([overtaken, corrected[is_corrected], _outcomes(incidents, corrected)])


def _originals(incidents: np.ndarray) -> np.ndarray:
    """Return first records, minutes after the report unless late; nobody is convicted yet."""
    rows, number = incidents.copy(), incidents["number"]
    is_late = uniforms(number, 40) < LATE_SHARE
    minutes_s = 60 + (uniforms(number, 41) * 1800).astype(np.int64)
    late_s = ((2 + 43 * uniforms(number, 42)) * DAY_S).astype(np.int64)
    rows["recorded_s"] = incidents["reported_s"] + minutes_s + np.where(is_late, late_s, 0)
    rows["arrives_s"] = rows["recorded_s"] + 1
    rows["version"], rows["status"] = 1, STATUS["recorded"]
    rows["label"] = np.where(is_late, LABEL["late"], LABEL["ordinary"])
    rows["role"] = np.where(incidents["role"] == ROLE["convicted"], ROLE["charged"], incidents["role"])
    return rows


def _corrections(incidents: np.ndarray, originals: np.ndarray, town: Town) -> tuple[np.ndarray, np.ndarray]:
    """Return second versions on the same rows, and which of them exist; the others equal the originals."""
    rows, number = originals.copy(), incidents["number"]
    u, u_place = uniforms(number, 43), uniforms(number, 44)
    is_withdrawn = incidents["withdrawn_after_s"] >= 0
    is_cancelled = is_withdrawn | (u < CANCELLED_SHARE)
    is_amended = ~is_cancelled & (u < CANCELLED_SHARE + AMENDED_SHARE)
    is_other_code = is_amended & (u_place < 0.5) & (_AMENDED[rows["code"]] != rows["code"])
    is_other_place = is_amended & ~is_other_code & ~rows["is_area_only"]
    rows["code"] = np.where(is_other_code, _AMENDED[rows["code"]], rows["code"])
    rows["point"] = np.where(is_other_place, town.neighbours[rows["point"], 0], rows["point"])
    exists = is_cancelled | is_other_code | is_other_place
    after_s = np.where(is_withdrawn, incidents["withdrawn_after_s"], ((1 + 29 * u_place) * DAY_S).astype(np.int64))
    rows["recorded_s"] += np.where(exists, after_s, 0)
    rows["arrives_s"] = rows["recorded_s"] + 1
    rows["version"] += exists
    rows["status"] = np.where(is_cancelled, STATUS["cancelled"], np.where(exists, STATUS["amended"], rows["status"]))
    rows["label"] = np.where(is_cancelled, LABEL["cancelled"], np.where(exists, LABEL["amended"], rows["label"]))
    return rows, exists


def _outcomes(incidents: np.ndarray, corrected: np.ndarray) -> np.ndarray:
    """Return convictions, one to eight months later, of incidents that are not cancelled."""
    is_convicted = (incidents["role"] == ROLE["convicted"]).any(axis=1) & (corrected["status"] != STATUS["cancelled"])
    rows = corrected[is_convicted]
    rows["role"] = incidents["role"][is_convicted]
    rows["recorded_s"] += ((30 + 210 * uniforms(rows["number"], 46)) * DAY_S).astype(np.int64)
    rows["arrives_s"] = rows["recorded_s"] + 1
    rows["version"] += 1
    rows["status"], rows["label"] = STATUS["amended"], LABEL["outcome"]
    return rows
