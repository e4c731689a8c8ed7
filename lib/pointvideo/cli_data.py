"""The commands about data sets: ``pointvideo data prepare``, ``import``, ``pack`` and ``info``."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_data_commands(subparsers) -> None:
    """``pointvideo data prepare``, ``data import``, ``data pack`` and ``data info``."""
    data = subparsers.add_parser("data", help="data sets: prepare, import, pack, info")
    verbs = data.add_subparsers(metavar="COMMAND", required=True)
    prepare = verbs.add_parser(
        "prepare",
        help="turn a recorded set in its official format into a store",
        description="Turn a recorded set in its official format into a store. Interrupted, the same command continues.",
    )
    prepare.add_argument("name", metavar="SET", help="the recorded set, e.g. msr_action3d")
    prepare.add_argument("--from", dest="source", metavar="DIR", required=True, help="folder with the official files")
    prepare.add_argument("--partial", action="store_true", help="even if less than half of the release is there")
    prepare.set_defaults(run=_prepare)
    own = verbs.add_parser(
        "import",
        help="turn a set of your own into a store",
        description="Turn a set of your own in the plain layout (docs/data.md) into a store, which is then a data set "
        "like any other, by its name. Interrupted, the same command continues.",
    )
    own.add_argument("source", metavar="DIR", help="folder with a folder a sequence")
    own.add_argument("--name", required=True, help="what the set is to be called")
    own.add_argument("--unit", required=True, help="of its coordinates: metre, centimetre, millimetre or depth count")
    own.set_defaults(run=_import)
    for verb in (prepare, own):
        verb.add_argument(
            "--store", metavar="DIR", help="folder of the store (default: stores/recorded/NAME in POINTVIDEO_CACHE)"
        )
        verb.add_argument(
            "--replace", action="store_true", help="replace a store of the set even if it has sequences that are gone"
        )
        verb.add_argument("--quiet", action="store_true", help="no progress bar")
    packing = verbs.add_parser(
        "pack",
        help="put a recorded set into one small file, to carry it",
        description="Put the official files of a recorded set into one small file without loss, which `data prepare` "
        "reads in their place.",
    )
    packing.add_argument("name", metavar="SET", help="the recorded set, e.g. msr_action3d")
    packing.add_argument("--from", dest="source", metavar="DIR", required=True, help="folder with the official files")
    packing.add_argument(
        "--to", metavar="FILE", required=True, help="the file, e.g. carried/msr_action3d/msr_action3d.npz"
    )
    packing.add_argument("--quiet", action="store_true", help="no progress bar")
    packing.set_defaults(run=_pack)
    info = verbs.add_parser("info", help="what a data set holds", description="What a data set holds.")
    info.add_argument("name", metavar="NAME", help="a data set's name, or the folder of a store")
    info.add_argument("--verify", action="store_true", help="read all of it and compare it with its digests")
    info.set_defaults(run=_info)


def _prepare(arguments: argparse.Namespace) -> int:
    from .data.prepare import prepare, summary

    store = prepare(
        arguments.name,
        arguments.source,
        path=arguments.store,
        partial=arguments.partial,
        replace=arguments.replace,
        verify=True,
        progress=not arguments.quiet,
    )
    print(summary(store))
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from .data.plain import import_folder
    from .data.prepare import summary

    store = import_folder(
        arguments.source,
        arguments.name,
        arguments.unit,
        path=arguments.store,
        replace=arguments.replace,
        progress=not arguments.quiet,
    )
    print(summary(store))
    return 0


def _pack(arguments: argparse.Namespace) -> int:
    from .data import catalogue
    from .data.layout import StoreError

    reader = catalogue.recorded(arguments.name).reader()
    if not hasattr(reader, "pack_folder"):
        raise StoreError(f"{arguments.name}: has no packed form, expected a set that has one, such as msr_action3d")
    videos, size = reader.pack_folder(Path(arguments.source), Path(arguments.to), not arguments.quiet)
    print(f"{arguments.name}: {videos} videos, {size / 1e6:.1f} MB -> {arguments.to}")
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from .data.info import describe

    print("\n".join(describe(arguments.name, arguments.verify)))
    return 0
