"""Point kernels: each operator's specification in plain torch and its fast forms, one file an operator."""

from .attention import attention
from .ball_query import ball_query
from .chamfer import chamfer
from .farthest_points import sample_farthest_points
from .feature_tube_max import feature_tube_max
from .group_max import group_max
from .interpolate import interpolate, inverse_distances
from .nearest_neighbors import nearest_neighbors
from .product_sum import product_sum
from .splat import splat, visible_points
from .tube_max import tube_max
from .tube_moments import tube_moments

__all__ = [
    "attention",
    "ball_query",
    "chamfer",
    "feature_tube_max",
    "group_max",
    "interpolate",
    "inverse_distances",
    "nearest_neighbors",
    "product_sum",
    "sample_farthest_points",
    "splat",
    "tube_max",
    "tube_moments",
    "visible_points",
]
