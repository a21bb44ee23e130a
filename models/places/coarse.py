"""Which incidents are told by day and area alone: an exact time and place would point to the victim."""

import numpy as np
import numpy.typing as npt
import pandas as pd

# Words of an offence's code or label that mark sexual offences and offences within a family or against children; an
# offence of unstated kind that may be sexual names it, too.
WORDS = r"\b(?:rape|sex|indecen|incest|prostitut|voyeur|violaci|family|famili|domestic|child|infant)"
FLAGS = ("is_domestic", "is_minor_victim", "is_minor_used_by_adult")


def coarse_codes(codebook: pd.DataFrame) -> frozenset[str]:
    """Return the codes whose incidents are always coarse: sexual, within a family, against or by use of minors.

    `codebook` has index offence_code and columns label and axis.
    """
    words = codebook.index.to_series().astype("str").str.replace(r"[_-]", " ", regex=True) + " " + codebook["label"]
    is_coarse = words.str.lower().str.contains(WORDS, regex=True).to_numpy(dtype=bool) | codebook["axis"].eq("minors")
    return frozenset(codebook.index[is_coarse])


def is_coarse(incidents: pd.DataFrame, codebook: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which incidents are told by day and area alone, without hour, street or coordinates.

    These are sexual offences, offences flagged as domestic, and those whose victim is a minor or in which an adult
    used one. An offence that the codebook does not know is coarse.

    Parameters
    ----------
    incidents : pd.DataFrame
        offence_code, is_domestic, is_minor_victim, is_minor_used_by_adult; a missing flag counts as set.
    codebook : pd.DataFrame
        Index offence_code; label, axis.

    Returns
    -------
    npt.NDArray[np.bool_]
        In the order of the incidents.
    """
    flagged = incidents[list(FLAGS)].astype("boolean").fillna(True).any(axis=1).to_numpy(dtype=bool)
    code = incidents["offence_code"].astype(object)
    return np.asarray(flagged | code.isin(coarse_codes(codebook)) | ~code.isin(codebook.index), dtype=bool)
