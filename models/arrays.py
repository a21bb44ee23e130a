"""Types of arrays and rows that models share."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Row = dict[Hashable, Any]  # one row of a frame
