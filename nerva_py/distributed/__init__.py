"""Training one network with several processes, by MPI.

Every process (rank) holds the network and calls `train(..., distributed=DataParallel(mpi()))` with the same arguments; or
`mpiexec -n 4 nerva-py train ... --distributed mpi`.
"""

from .data_parallel import DataParallel
from .local_sgd import LocalSGD
from .ranks import MPIRanks, Ranks, mpi

__all__ = ["DataParallel", "LocalSGD", "MPIRanks", "Ranks", "mpi"]
