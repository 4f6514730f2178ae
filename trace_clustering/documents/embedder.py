"""The resource `embedder`: which model turns the texts of documents into vectors."""

from typing import Literal

from trace_clustering.documents.local_model import LocalModel
from trace_clustering.documents.text_embedder import TextEmbedder
from trace_clustering.launchpad import LaunchpadResource, optional


class Embedder(LaunchpadResource):
    """Turns texts into vectors, on this machine unless an endpoint is asked for."""

    kind: Literal["local"] = optional(
        "`local`: a model on this machine, which needs no key and sends nothing away.",
        default="local",
    )
    batch_size: int = optional("Texts that are embedded together.", default=32, ge=1, le=2048)

    def load(self) -> TextEmbedder:
        """Return what embeds texts; the model is read into memory.

        Raises
        ------
        EmbedderSetupError
            If the model is not installed.
        """
        return TextEmbedder(LocalModel(self.batch_size))
