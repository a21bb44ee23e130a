"""Which incidents are told by day and area alone: an exact time and place would point to the victim."""

import numpy as np
import numpy.typing as npt
import pandas as pd

# Words of an offence's code or label that mark sexual offences and offences within a family or against children; an
# offence of unstated kind that may be sexual names it, too.
WORDS = (
    r"\b(?:rape|estupr|sex|indecen|incest|sodom|lewd|molest|groom|prostitut|voyeur|violaci|family|child|infan|minor"
    r"|menor|juvenil|spous|partner|pareja|genero|trata|traffick)|famili|domest"
)
# Violence of which the street and the hour may be told: it happens in public, or everybody knows of it. Other violence
# is told by day and area alone, whatever its flags: many records never say that it was domestic, and a mark on the few
# that do would tell it.
PUBLIC = r"robb|robo|homicid|weapon|firearm|shoot|burglar|driving"
FLAGS = ("is_domestic", "is_minor_victim", "is_minor_used_by_adult")


def sensitive_codes(codebook: pd.DataFrame) -> frozenset[str]:
    """Return the codes of offences that are sexual, within a family, against or by use of minors.

    `codebook` has index offence_code and columns label and axis.
    """
    is_sensitive = _words(codebook).str.contains(WORDS, regex=True).to_numpy(bool) | codebook["axis"].eq("minors")
    return frozenset(codebook.index[is_sensitive])


def coarse_codes(codebook: pd.DataFrame) -> frozenset[str]:
    """Return the codes whose incidents are always coarse: sensitive ones, and violence but for that of `PUBLIC`."""
    is_violence = codebook["axis"].eq("violence") & ~_words(codebook).str.contains(PUBLIC, regex=True).to_numpy(bool)
    return sensitive_codes(codebook) | frozenset(codebook.index[is_violence])


def _words(codebook: pd.DataFrame) -> "pd.Series[str]":
    """Return code and label of each offence in small letters without accents."""
    words = codebook.index.to_series().astype("str").str.replace(r"[_-]", " ", regex=True) + " " + codebook["label"]
    return words.str.normalize("NFKD").str.replace(r"[\u0300-\u036f]", "", regex=True).str.lower()


def is_coarse(incidents: pd.DataFrame, codebook: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which incidents are told by day and area alone, without hour, street or coordinates.

    These are offences of `coarse_codes`, those flagged as domestic, and those whose victim is a minor or in which an
    adult used one. An offence that the codebook does not know is coarse. A record without flags counts as having none
    set, which is why violence is coarse by its code.

    Parameters
    ----------
    incidents : pd.DataFrame
        offence_code, is_domestic, is_minor_victim, is_minor_used_by_adult; null counts as set.
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
