"""Surface normals and the largest plane of a frame, by Open3D, which nothing else of a page needs. matplotlib and
Open3D load only inside the functions."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from .clouds import draw_cloud
from .style import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIBUSB = "libusb-1.0-0"  # the system package; the wheel does not bring it


def open3d_missing() -> str:
    """What keeps Open3D from loading and how to get it, in one line; nothing where it loads."""
    try:
        importlib.import_module("open3d")
    except ModuleNotFoundError as error:
        if error.name != "open3d":
            return f"Open3D is not shown here: it needs the Python package {error.name}."
        return (
            "Open3D is not shown here: it is not installed (where there is a wheel: pip install 'pointvideo[open3d]')."
        )
    except (ImportError, OSError) as error:
        if "libusb" in str(error):
            return (
                f"Open3D is not shown here: it is installed, but the system library {LIBUSB} is missing. "
                f"On Debian and Ubuntu: apt-get install {LIBUSB}"
            )
        return f"Open3D is not shown here: it is installed, but does not load ({error})."
    return ""


def draw_normals(xyz: Float[np.ndarray, "points 3"], radius: float | int = 20, plane: float | int = 5) -> Figure:
    """A frame with its normals as colours, and with the points of its largest plane.

    Args:
        xyz: the frame, depth counts.
        radius: within which neighbours give a point's normal.
        plane: how far from the plane a point still belongs to it.

    Raises:
        ImportError: Open3D is missing, see :func:`open3d_missing`.
    """
    import open3d

    cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(np.asarray(xyz, dtype=float)))
    cloud.estimate_normals(open3d.geometry.KDTreeSearchParamHybrid(radius=radius, max_nn=30))
    _, inside = cloud.segment_plane(distance_threshold=plane, ransac_n=3, num_iterations=500)
    on_plane = np.isin(np.arange(len(xyz)), inside)
    normals = np.abs(cloud.normals).clip(0, 1)
    figure, axes = panels(4, ratio=1.2)
    draw_cloud(axes[0], xyz, title=f"{len(xyz)} points")
    draw_cloud(axes[1], xyz, colour=normals, title="normals as colours")
    draw_cloud(axes[2], xyz, colour=normals, turn=70, title="from the side")
    draw_cloud(axes[3], xyz, colour=on_plane.astype(int), title=f"largest plane: {on_plane.mean():.0%}")
    return figure
