"""The composer: settings, frames for the models, Prefect flows and the commands.

The one package that may import the other three.
"""

import os

# The matrices of a run are small: a second thread of NumPy's linear algebra only spins. Read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
