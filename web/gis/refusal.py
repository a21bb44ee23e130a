"""What the map service refuses, in words."""


class RefusalError(Exception):
    """A request that cannot be answered: its HTTP status, and words that name the thing, the value and the way out."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.words, self.status = words, status
