"""What the methods say together of one operation, and what none of them can tell."""

import pandas as pd

CANNOT_TELL = (
    "The cause: whatever else began there then looks the same.",
    "Whether harm fell or only reports of it: officers who are present are called, and told, more or less than before.",
    "What moved further than 500 m, to other targets or into what nobody reports; table displacement looks at the next "
    "places.",
    "Whether it lasts: the weeks since the start are compared, and no later ones.",
    "Most operations avert nothing that can be told from chance: no fall found is no proof that there was none.",
)


def together(effects: pd.DataFrame) -> str:
    """Return in a sentence how far the methods agree.

    Parameters
    ----------
    effects : pd.DataFrame
        finding, change, is_doubtful of `measure_effects`, of one operation; null where a method could not measure.
    """
    measured = effects.dropna(subset="finding")
    count = len(measured)
    if count == 0:
        return "nothing can be said: no method could measure it"
    found = measured["finding"].value_counts()
    doubtful = int(measured["is_doubtful"].astype(bool).sum())
    doubt = f"; the assumptions of {doubtful} of {count} are in doubt" if doubtful else ""
    falls, rises = (int(found.get(each, 0)) for each in ("fall", "rise"))
    if falls and rises:
        return f"the methods contradict each other: {falls} say a fall, {rises} a rise; take it as undecided{doubt}"
    if falls == rises == 0:
        return f"undecided by every one of {count} methods: no change can be told from chance{doubt}"
    way, agreeing = ("a fall", falls) if falls else ("a rise", rises)
    if agreeing == count:
        alone = "the only method that could measure says" if count == 1 else f"all {count} methods agree on"
        return f"{alone} {way} beyond chance{doubt}"
    return f"{agreeing} of {count} methods say {way}, the rest cannot tell: weak evidence{doubt}"
