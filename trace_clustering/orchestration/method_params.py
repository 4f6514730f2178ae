"""The parameters of the clustering methods, in the setting `clustering_method_params`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trace_clustering import constants
from trace_clustering.errors import InvalidSettingsError, explain_invalid_settings

BOUNDS_OF_MIN_K: Final = (2, 50)
BOUNDS_OF_MAX_K: Final = (2, 100)


class HDBSCANParams(BaseModel):
    """The parameters of HDBSCAN in `clustering_method_params`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    min_cluster_size_fraction: float = Field(
        default=constants.DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
        ge=constants.MIN_CLUSTER_SIZE_FRACTION_MIN,
        le=constants.MIN_CLUSTER_SIZE_FRACTION_MAX,
        description="size of the smallest cluster as a share of all traces, "
        f"but at least {constants.MIN_CLUSTER_SIZE} traces; 0.0025 finds topics of 50 among 20,000",
    )
    min_samples: int = Field(
        default=constants.DEFAULT_HDBSCAN_MIN_SAMPLES,
        ge=1,
        le=100,
        description="number of close neighbours that make a trace part of a dense region",
    )


class KMeansParams(BaseModel):
    """The parameters of k-means in `clustering_method_params`; they override settings of the same name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    min_k: int = Field(ge=BOUNDS_OF_MIN_K[0], le=BOUNDS_OF_MIN_K[1])
    max_k: int = Field(ge=BOUNDS_OF_MAX_K[0], le=BOUNDS_OF_MAX_K[1])

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.min_k > self.max_k:
            raise InvalidSettingsError(
                f"settings: min_k = {self.min_k} is larger than max_k = {self.max_k}; "
                "lower the one or raise the other"
            )
        return self


@contextmanager
def explain_faults(prefix: str, model: type[BaseModel], owner: str) -> Iterator[None]:
    """Raise what pydantic finds wrong as one sentence with the name and the value of each setting."""
    unknown = f"{owner} has no such setting, only {', '.join(model.model_fields)}"
    with explain_invalid_settings("settings", prefix=prefix, unknown=unknown):
        yield
