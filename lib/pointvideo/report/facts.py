"""Statements that a page checks."""

from __future__ import annotations

from collections.abc import Mapping


def fact_lines(facts: Mapping[str, bool]) -> str:
    """A line a statement, "yes" or "NO" behind it, for checked cells: a change of code that makes one false shows."""
    return "\n".join(f"{statement}: {'yes' if holds else 'NO'}" for statement, holds in facts.items())
