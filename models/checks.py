"""Check of the settings of models: a wrong value is named, with what is expected."""


def expect(is_right: bool, section: str, config: object, names: str, expectation: str) -> None:
    """Raise ValueError unless a check of some settings holds.

    Parameters
    ----------
    is_right : bool
        result of the check.
    section : str
        section of the settings, with a point at its end; empty for parameters.
    config : object
        holds the values.
    names : str
        the settings checked, separated by spaces.
    expectation : str
        what is expected of them.
    """
    if not is_right:
        given = " and ".join(f"{name}={getattr(config, name)!r}" for name in names.split())
        raise ValueError(f"{section}{given}: expected {expectation}")
