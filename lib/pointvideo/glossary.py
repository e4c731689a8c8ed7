"""The glossary of ``docs/glossary.md``, for pages that show it and tests that hold it against the code."""

from __future__ import annotations

from pathlib import Path

from .report.render import markdown_table
from .study.runner import project_root


def terms(path: Path | None = None) -> dict[str, dict[str, str]]:
    """Group -> term -> what it means, in the order of the file.

    path: of the file; without it, ``docs/glossary.md`` of the project.

    Raises:
        ValueError: no such file, or a term outside a group, without a meaning, or written down twice.
    """
    path = project_root() / "docs" / "glossary.md" if path is None else path
    if not path.is_file():
        raise ValueError(f"{path}: missing, expected the glossary")
    found: dict[str, dict[str, str]] = {}
    for part in path.read_text(encoding="utf-8").split("\n## ")[1:]:
        group, *entries = part.split("\n### ")
        name, _, loose = group.partition("\n")
        if loose.strip():
            raise ValueError(f"{path}: {loose.split()[0]!r} … stands in group {name!r} under no term")
        found[name] = {}
        for entry in entries:
            term, _, meaning = entry.partition("\n")
            if not meaning.strip() or any(term in group for group in found.values()):
                raise ValueError(f"{path}: term {term!r} has no meaning, or stands there twice")
            found[name][term] = " ".join(meaning.split())
    return found


def glossary(*groups: str) -> str:
    """Markdown tables of the terms, one a group. groups: those to show; without, all.

    Raises:
        ValueError: no such group.
    """
    known = terms()
    if unknown := set(groups) - set(known):
        raise ValueError(f"glossary: got group {sorted(unknown)[0]!r}, expected some of {', '.join(known)}")
    return "\n".join(
        markdown_table((f"{group}: term", "meaning"), [(f"**{term}**", words) for term, words in known[group].items()])
        for group in groups or known
    )
