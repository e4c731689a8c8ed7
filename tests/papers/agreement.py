"""What every paper's tables must agree on: claims with rows, printed numbers with their places and with each other."""

import pytest

from pointvideo.report.claims import claims
from pointvideo.report.reported import printed
from pointvideo.study.experiments import Paper


def check_places(paper: Paper, profile: str) -> None:
    """Every row has a printed number or a reason why not; at the profile laptop every claim has its rows."""
    rows = paper.rows(profile)
    for row in paper.known_rows.values():
        assert row.printed or row.because, row.id
        assert bool(printed(paper, row)) == bool(row.printed), row.id
    if profile == "laptop":
        for claim in claims(paper):
            assert set(claim.rows) <= set(rows), claim.id


def checked_differences(paper: Paper) -> list[str]:
    """The claims whose rows all have a printed number; each one's difference is that of these numbers."""
    checked = []
    for claim in claims(paper):
        values = [printed(paper, paper.row(name)) for name in claim.rows]
        if claim.question or not all(values):
            continue
        pairs = zip(claim.rows.values(), values, strict=True)
        total = sum(weight * value[claim.metric].value for weight, value in pairs)
        assert total == pytest.approx(claim.reported), claim.id
        checked.append(claim.id)
    return checked
