"""What ends the work of the agent early. None of these leaves the labeling package."""


class LimitReachedError(Exception):
    """A limit of the run does not allow another request; the message names it."""


class EndpointDownError(Exception):
    """The endpoint gave no answer.

    Attributes
    ----------
    refused : bool
        It answers and says no (wrong key, unknown model): trying again cannot help.
    """

    def __init__(self, reason: str, *, refused: bool) -> None:
        super().__init__(reason)
        self.refused = refused
