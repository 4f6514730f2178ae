"""All errors of this project, drawn as a tree.

TraceClusteringError                 its message says what was wrong, with which value, and what to do next
├── InvalidInputError                the same call would fail again
│   ├── InvalidSettingsError
│   │   └── InvalidPatternError
│   ├── InvalidRecordError
│   ├── InvalidEmbeddingsError
│   ├── InconsistentArtifactsError
│   ├── ClickHouseSetupError
│   ├── EmbedderSetupError
│   ├── EmbeddingLimitError
│   ├── LabelsWouldBeLostError
│   ├── NothingToCompareError
│   └── NoClusteringError
├── FaultError                       a later attempt may succeed
│   ├── ClickHouseUnavailableError
│   ├── ClickHouseQueryError
│   ├── ClickHouseFolderLockedError
│   ├── DeadlineExceededError
│   ├── ComputeProcessError
│   ├── EmbeddingFailedError
│   ├── LLMUnavailableError
│   └── AlertNotSentError
└── ExplorationFailedError

InternalError                        raised and caught inside one package; no caller sees it
├── BadValueError
├── ToolCallRefusedError
├── LimitReachedError
├── UnreadableAnswerError
└── EndpointDownError
    ├── RequestTooLongError
    └── TextsRefusedError
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from pydantic import ValidationError

# Type of the pydantic error that a validator raises for a field without a value. Its message says what is
# needed.
MISSING_VALUE: Final = "missing_value"


class TraceClusteringError(Exception):
    """Base of every error that a caller can see.

    The message says what was wrong, with which value, and what to do next.
    """

    retryable: ClassVar[bool] = False


class InvalidInputError(TraceClusteringError):
    """Something that was given to the program is wrong; the same call would fail again."""


class InvalidSettingsError(InvalidInputError):
    """A run setting or an environment variable has a value that is not allowed."""


class InvalidPatternError(InvalidSettingsError):
    """ClickHouse cannot compile a regular expression."""


class InvalidRecordError(InvalidInputError):
    """A trace record of a file cannot be loaded."""


class InvalidEmbeddingsError(InvalidInputError):
    """The embeddings of a window cannot form one finite matrix."""


class InconsistentArtifactsError(InvalidInputError):
    """Stored artifacts are missing, unreadable, or stem from different runs of an asset upstream."""


class ClickHouseSetupError(InvalidInputError):
    """ClickHouse answers, but the credentials, the database or the tables are wrong."""


class EmbedderSetupError(InvalidInputError):
    """The model that turns texts into vectors is not installed, or cannot be reached as it is set up."""


class EmbeddingLimitError(InvalidInputError):
    """A limit of the embedder does not allow another request; what was embedded before it is kept."""


class LabelsWouldBeLostError(InvalidInputError):
    """No model can be asked, and titles that a model wrote would be replaced by what needs no model."""


class NothingToCompareError(InvalidInputError):
    """A side of a comparison has no trace, or none of which the figure is known."""


class NoClusteringError(InvalidInputError):
    """The clustering that was asked for does not exist."""


class FaultError(TraceClusteringError):
    """Something around the program failed; a later attempt may succeed."""

    retryable = True


class ClickHouseUnavailableError(FaultError):
    """ClickHouse does not answer, or not in time."""


class ClickHouseQueryError(FaultError):
    """ClickHouse could not execute a query."""


class ClickHouseFolderLockedError(FaultError):
    """Another process holds the folder of the embedded ClickHouse, and did not leave it in time."""


class DeadlineExceededError(FaultError):
    """A computation took longer than its time limit and was stopped."""


class ComputeProcessError(FaultError):
    """The process of a computation died without a result; most likely it had too little memory."""


class EmbeddingFailedError(FaultError):
    """The model that turns texts into vectors gives none, or none that can be used."""


class LLMUnavailableError(FaultError):
    """The endpoint of the language model does not answer, and no cluster has a label yet."""


class AlertNotSentError(FaultError):
    """The webhook for alerts cannot be reached, or does not take the message."""


class ExplorationFailedError(TraceClusteringError):
    """The run of an exploration failed; Dagster's log says why."""


class InternalError(Exception):
    """Base of what is raised and caught inside one package."""


class BadValueError(InternalError):
    """One record of a file is bad; the message says why (in `sources/`)."""


class ToolCallRefusedError(InternalError):
    """A tool cannot do what the model asked for; the message tells the model what to do (in `labeling/`)."""


class LimitReachedError(InternalError):
    """A limit does not allow another request to the language model; the message names it (in `llm/`)."""


class UnreadableAnswerError(InternalError):
    """The answer of a language model holds no summary (in `documents/`)."""


class EndpointDownError(InternalError):
    """The endpoint of the language model gave no answer (in `llm/`).

    Attributes
    ----------
    refused : bool
        The endpoint answers and refuses (wrong key, unknown model), so another request cannot help.
    """

    def __init__(self, reason: str, *, refused: bool) -> None:
        super().__init__(reason)
        self.refused = refused


class RequestTooLongError(EndpointDownError):
    """The endpoint takes only shorter requests; a shorter one can be made (in `llm/`)."""


class TextsRefusedError(EndpointDownError):
    """The endpoint does not embed these texts; it may embed some of them, or shorter ones (in `documents/`).

    Attributes
    ----------
    too_long : bool
        Whether the endpoint says so; otherwise the reason may be anything.
    """

    def __init__(self, reason: str, *, too_long: bool) -> None:
        super().__init__(reason, refused=True)
        self.too_long = too_long


def explain_validation(
    error: "ValidationError",
    *,
    prefix: str = "",
    missing: str = "",
    unknown: str = "there is no such field",
    show: Callable[[tuple[int | str, ...], object], str] = lambda _, value: repr(value),
    max_faults: int = 20,
) -> str:
    """Return what pydantic found wrong as one sentence: field, value and reason of each fault.

    Parameters
    ----------
    error : pydantic.ValidationError
    prefix : str
        Put before the name of each field; ends with a dot if it is not empty.
    missing : str
        Explains a missing field; by default, pydantic's own message does.
    unknown : str
        Explains why a field that does not exist is refused.
    show : callable
        Takes the path and the value of a field and returns the value as text; an empty text hides the value.
    max_faults : int
        Further faults are left out.
    """
    sentences = []
    for fault in error.errors(include_url=False, include_context=False)[:max_faults]:
        name = prefix + ".".join(map(str, fault["loc"]))
        if fault["type"] == "missing":
            sentences.append(f"{name} is missing; {missing or fault['msg']}")
        elif fault["type"] == MISSING_VALUE:
            sentences.append(f"{name} is missing; {fault['msg']}")
        else:
            shown = show(fault["loc"], fault["input"])
            reason = unknown if fault["type"] == "extra_forbidden" else fault["msg"]
            sentences.append(f"{name}{f' = {shown}' if shown else ''}: {reason}")
    return "; ".join(sentences)


@contextmanager
def explain_invalid_settings(
    place: str,
    *,
    prefix: str = "",
    unknown: str = "there is no such field",
    show: Callable[[tuple[int | str, ...], object], str] = lambda _, value: repr(value),
) -> Iterator[None]:
    """Raise what pydantic finds wrong inside the block as one sentence that begins with a place.

    The other parameters are those of `explain_validation`.

    Raises
    ------
    InvalidSettingsError
    """
    from pydantic import ValidationError

    try:
        yield
    except ValidationError as error:
        reasons = explain_validation(error, prefix=prefix, unknown=unknown, show=show)
        raise InvalidSettingsError(f"{place}: {reasons}") from None
