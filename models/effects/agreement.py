"""What the methods say together of one operation, and what none of them can tell."""

import pandas as pd

CANNOT_TELL = (  # messages of the page: `pipeline/wording/sentences.txt`
    "The cause: whatever else began there then looks the same.",
    "Whether harm fell or only reports of it: people call officers who are present more or less than before.",
    "What moved further than 500 m, to other targets, or into what nobody reports.",
    "Whether it lasts: only the weeks since the start are compared.",
    "Whether nothing happened: most operations avert too little to be told from chance, and no finding is no proof.",
)


def together(effects: pd.DataFrame) -> str:
    """Return in sentences how far the methods agree.

    Parameters
    ----------
    effects : pd.DataFrame
        finding, change, is_doubtful of `measure_effects`, of one operation; null where a method could not measure.
    """
    measured = effects.dropna(subset="finding")
    count = len(measured)
    if count == 0:
        return "No method could measure it: nothing can be said."
    doubtful = int(measured["is_doubtful"].astype(bool).sum())
    doubt = f" The assumptions of {doubtful} of {count} are in doubt." if doubtful else ""
    return _agreement(measured["finding"].tolist()) + doubt


def _agreement(findings: list[str]) -> str:
    count, falls, rises = len(findings), findings.count("fall"), findings.count("rise")
    if falls and rises:
        return f"The methods contradict each other: {falls} find a fall, {rises} a rise. Take it as undecided."
    if not falls and not rises:
        if count == 1:
            return "Undecided: the one method that could measure cannot tell a change from chance."
        return f"Undecided by all {count} methods: no change can be told from chance."
    way, agreeing = ("fall", falls) if falls else ("rise", rises)
    if agreeing < count:
        return f"{agreeing} of {count} methods find a {way} beyond chance, the others cannot tell: weak evidence."
    if count == 1:
        return f"One method could measure, and it finds a {way} beyond chance."
    return f"All {count} methods find a {way} beyond chance."
