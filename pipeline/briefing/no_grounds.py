"""What a ranking does not mean and is no grounds for, as report and brief say it."""

from pipeline.wording.catalogue import message

# Each begins with what it says in short, between <b> and </b>.
MEANINGS = (
    message(
        "<b>Not a verdict on who lives there.</b> Harm is counted where it was reported, weighted by the sentence the "
        "law starts from. It says nothing about residents."
    ),
    message(
        "<b>Not the truth to the last place.</b> Read the interval, not the rank. Where likely ranges overlap, choose "
        "on other grounds and say so."
    ),
    message(
        "<b>Not a measure of policing.</b> What police discover by themselves raises no score; what nobody reports is "
        "missing."
    ),
    message(
        "<b>Not grounds for a stop, a search, an arrest or an eviction.</b> Being in a listed place is no suspicion."
    ),
    message(
        "<b>Not a promise.</b> A forecast is an expectation over many squares; most squares on the map will see "
        "nothing in the week."
    ),
    message(
        "<b>Not a decision.</b> A list, a notice or an operation is active only when a named person has approved it."
    ),
)
