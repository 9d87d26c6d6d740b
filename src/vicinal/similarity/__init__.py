"""Similarity: kernels between environments, and between structures."""

from vicinal.similarity.kernels import Gaussian, Kernel, Laplacian, Linear, Polynomial, make_kernel
from vicinal.similarity.structures import (
    GaussianSums,
    local_kernel,
    structure_diagonal,
    structure_kernel,
)

__all__ = [
    "Gaussian",
    "GaussianSums",
    "Kernel",
    "Laplacian",
    "Linear",
    "Polynomial",
    "local_kernel",
    "make_kernel",
    "structure_diagonal",
    "structure_kernel",
]
