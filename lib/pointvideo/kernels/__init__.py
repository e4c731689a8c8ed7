"""Point kernels: each operator's specification in plain torch and its fast form, one file an operator."""

from .ball_query import ball_query
from .farthest_points import sample_farthest_points
from .group_max import group_max
from .splat import splat, visible_points
from .tube_max import tube_max

__all__ = ["ball_query", "group_max", "sample_farthest_points", "splat", "tube_max", "visible_points"]
