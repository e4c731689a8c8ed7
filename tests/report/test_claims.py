"""Claims of all tasks: bound to rows, judged in their own metric, questions answered."""

import functools
from dataclasses import replace

import pytest
import yaml

from pointvideo.report.claims import ALIKE, Claim, _of_entry, claims_of, contrast_of, family_size, judge, unbound
from pointvideo.study.experiments import PROFILES

from .made_up import (
    C2P,
    claim,
    claims,
    made_up_row,
    made_up_segmentation,
    made_up_semantic,
    printed,
    result_from_record,
    row,
)

ACTION = ("as-pptr-scratch", "as-pptr-c2p")


def runs(make, **qualities) -> dict:
    return {
        name.replace("_", "-"): [result_from_record(make(f"{name}{seed}", seed=seed, quality=q)) for seed in range(5)]
        for name, q in qualities.items()
    }


def test_every_table_of_the_paper_has_its_rows():
    found = {number: len(C2P.experiment(number).rows("paper")) for number in C2P.experiments}
    assert found == {"1": 6, "2": 6, "3": 3, "4": 14, "5": 3, "text": 3, "6": 12, "6-msr": 8, "7": 4, "8": 4,
                     "4-choice": 24, "4-folds": 2, "units": 8, "released-msr": 5, "released": 7}  # fmt: skip
    assert [line.id for line in C2P.experiment("6").rows("laptop")] == [
        f"as-pptr-{start}-labels-{share}" for share in (10, 20, 40, 80) for start in ("scratch", "videomae", "c2p")
    ]
    with pytest.raises(ValueError, match="table: got '9', expected one of 1, 2"):
        C2P.experiment("9")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_row_means_the_same_in_every_table(profile):
    rows = C2P.rows(profile)
    assert list(rows) == [line.id for line in rows.values()] and set(rows) <= set(C2P.known_rows)
    for name, line in rows.items():
        assert (line.title, line.method, line.printed) == (row(name).title, row(name).method, row(name).printed)


def test_rows_carry_what_is_printed_of_them():
    assert {name: cell.printed for name, cell in printed("as-pptr-c2p").items()} == {
        "accuracy": "81.1",
        "edit": "84.0",
        "f1@10": "85.4",
        "f1@25": "82.5",
        "f1@50": "74.1",
    }
    assert printed("synthia-p4transformer-c2p-3")["iou:Pedestrian"].printed == "88.19"
    assert printed("as-pptr-videomae-labels-40")["accuracy"].printed == "69.8"
    assert printed("as-pptr-symmetric")["accuracy"].printed == "78.95"
    for name, line in C2P.known_rows.items():
        assert (not printed(name)) == bool(line.because)
        assert line.because or line.task.main in printed(name)


def test_the_family_is_declared():
    """About 25 claims are confirmatory, in recorded recognition and in each table of the paper."""
    chosen = [entry for entry in claims() if entry.confirmatory]
    assert len(chosen) == family_size(C2P) == 25 and not any(entry.question for entry in chosen)
    assert {row(name).task.name for entry in chosen for name in entry.rows} == {
        "recognition", "action segmentation", "semantic segmentation"
    }  # fmt: skip
    assert {entry.metric for entry in chosen} == {"accuracy", "edit", "miou"}


def test_a_family_of_other_metrics_is_refused():
    entry = {"id": "c", "statement": "{metric}", "where": "", "rows": {ACTION[1]: 1, ACTION[0]: -1}}
    entry |= {"metrics": {"edit": 1.0, "accuracy": 2.0}, "confirmatory": ["edit"]}
    assert [found.confirmatory for found in _of_entry(C2P, entry)] == [True, False]
    with pytest.raises(ValueError, match="claim c: confirmatory in f1, expected its own metrics"):
        _of_entry(C2P, entry | {"confirmatory": ["f1"]})


def test_a_claim_without_a_direction_is_refused():
    for number in (0, float("nan")):
        with pytest.raises(ValueError, match="claim c needs a direction, found a reported difference"):
            Claim("c", "", "", number, {"a": 1, "b": -1})


def test_no_comma_cuts_an_entry_in_two():
    """In YAML's braces a comma ends a value, and what follows would be a key of its own."""
    document = yaml.safe_load((C2P.folder / "claims.yaml").read_text())
    assert set(document) == {"claims", "unbound"}
    assert all(None not in entry.values() for entry in document["claims"])


def test_claims_compare_rows_of_one_task_in_a_metric_of_it():
    assert len({entry.id for entry in claims()}) == len(claims()) == 98
    for entry in claims():
        (task,) = {row(name).task for name in entry.rows}
        assert task.title(entry.metric)
        assert entry.question or entry.reported > 0  # every claim is turned so that its side is positive
        assert "{" not in entry.statement


@pytest.mark.parametrize("profile", PROFILES)
def test_every_claim_whose_rows_there_are_stands_below_a_table(profile):
    """One of them needs rows of two tables; it stands where most of them are."""
    shown = {number: claims_of(C2P, experiment, profile) for number, experiment in C2P.experiments.items()}
    rows = C2P.rows(profile)
    assert {entry.id for several in shown.values() for entry in several} == {
        entry.id for entry in claims() if set(entry.rows) <= set(rows)
    }
    own = {number: {line.id for line in C2P.experiment(number).rows(profile)} for number in shown}
    borrowing = [(number, entry.id) for number, several in shown.items() for entry in several
                 if not set(entry.rows) <= own[number]]  # fmt: skip
    assert borrowing == [("6", "c2p-as-gain-grows-to-all")]


def test_every_better_row_of_a_table_has_its_claim():
    """C2P is compared with every other start of its table, in every metric of Table 1."""
    pairs = {(better, worse, entry.metric) for entry in claims() if len(entry.rows) == 2
             for better, worse in [sorted(entry.rows, key=entry.rows.get, reverse=True)]}  # fmt: skip
    for start in ("scratch", "strl", "videomae"):
        assert {(ACTION[1], f"as-pptr-{start}", name) for name in row(ACTION[0]).task.metrics} <= pairs
        assert ("ss-pptr-c2p", f"ss-pptr-{start}", "miou") in pairs
        assert ("pptr-c2p-24", f"pptr-{start}-24", "accuracy") in pairs
    for name in ("complete-to-complete", "partial-to-partial", "symmetric", "random-points", "window-1", "window-5",
                 "window-5-far", "one-head"):  # fmt: skip
        assert (ACTION[1], f"as-pptr-{name}", "accuracy") in pairs


def test_a_claim_is_judged_in_its_metric():
    results = runs(made_up_segmentation, as_pptr_scratch=0.5, as_pptr_c2p=0.9)
    for name in row(ACTION[0]).task.metrics:
        finding = judge(claim(f"c2p-as-pptr-{name.replace('@', '-')}"), results)
        better, worse = ([run.last.value(name) for run in results[row_id]] for row_id in reversed(ACTION))
        assert finding.contrast.estimate == pytest.approx(sum(better) / 5 - sum(worse) / 5)
        assert finding.word == "larger than printed" and finding.contrast.videos == 12


def test_a_claim_may_count_person_by_person(monkeypatch):
    known = {
        name: [result_from_record(record) for record in made_up_row(name, [right] * 5, randomness=place)]
        for place, (name, right) in enumerate({"pptr-scratch-24": 40, "pptr-c2p-24": 60}.items())
    }
    monkeypatch.setitem(ALIKE, "person", lambda video: video[-1])
    plain, people = (judge(replace(claim("c2p-pptr-24"), by=by), known).contrast for by in ALIKE)
    assert people.estimate == pytest.approx(plain.estimate) and people.videos < 11 < plain.videos
    with pytest.raises(ValueError, match="claim c2p-pptr-24 counts by 'city', expected one of take, person"):
        replace(claim("c2p-pptr-24"), by="city")


def test_a_class_can_carry_a_claim():
    names = {"synthia_p4transformer_scratch_3": 0.6, "synthia_p4transformer_c2p_3": 0.9}
    results = runs(made_up_semantic, **names)
    finding = judge(claim("c2p-synthia-small-iou-traffic-sign"), results)
    shares = [[run.last.iou[7] for run in several] for several in results.values()]
    assert finding.contrast.estimate == pytest.approx(sum(shares[1]) / 5 - sum(shares[0]) / 5)
    assert finding.word == "larger than printed"
    assert judge(claim("c2p-synthia-miou"), results).word == "larger than printed"


def test_little_improvement_is_less_than_half_of_c2ps():
    many = functools.partial(made_up_segmentation, sequences=30)
    little = runs(many, as_pptr_scratch=0.3, as_pptr_strl=0.31, as_pptr_c2p=0.98)
    much = runs(many, as_pptr_scratch=0.2, as_pptr_strl=0.95, as_pptr_c2p=0.96)
    entry = claim("c2p-as-strl-little-accuracy")
    assert judge(entry, little).word == "larger than printed"
    assert judge(entry, much).word == "opposite direction"


@pytest.mark.parametrize(
    ("paper", "released", "word"),
    [(0.9, 0.5, "paper's way higher"), (0.5, 0.9, "released way higher"), (0.7, 0.7, "no difference seen")],
)
def test_questions_are_answered_from_either_side(paper, released, word):
    results = runs(made_up_segmentation, as_pptr_c2p=paper, as_pptr_released=released)
    if word == "no difference seen":
        results["as-pptr-released"] = results["as-pptr-c2p"]
    finding = judge(claim("c2p-asks-released"), results)
    assert (finding.word, finding.printed) == (word, "–")
    few = {name: several[:2] for name, several in results.items()}
    assert judge(claim("c2p-asks-released"), few).word == "undecided (5 seeds are the first look)"
    assert judge(claim("c2p-asks-released"), {}).word == "not run"


def test_few_sequences_decide_nothing():
    results = {
        name: [result_from_record(made_up_segmentation(f"{name}{s}", seed=s, quality=q, sequences=5)) for s in range(5)]
        for name, q in zip(ACTION, (0.1, 1.0), strict=True)
    }
    finding = judge(claim("c2p-as-pptr-accuracy"), results)
    assert finding.contrast.interval.low > 0 and finding.word == "undecided (too few test videos)"


def test_rows_of_different_tasks_are_no_claim():
    results = runs(made_up_segmentation, as_pptr_c2p=0.9)
    results["pptr-c2p-24"] = [result_from_record(record) for record in made_up_row("m", [80])]
    with pytest.raises(ValueError, match="compares different tasks: action segmentation, recognition"):
        contrast_of({"as-pptr-c2p": 1, "pptr-c2p-24": -1}, results, "accuracy")


def test_sentences_without_a_number_are_listed():
    found = unbound(C2P)
    assert len(found) == 4 and all(set(entry) == {"statement", "where", "because"} for entry in found)
