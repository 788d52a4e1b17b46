"""The notebooks are executed with the short settings, unless NERVA_TUTORIALS says otherwise (`make notebooks`)."""

import os

os.environ.setdefault("NERVA_TUTORIALS", "short")  # the kernels inherit it
