"""Arrays with one value (or one row) per trace."""

import numpy as np
from numpy.typing import NDArray

StringArray = NDArray[np.object_]
TimeArray = NDArray[np.datetime64]
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
