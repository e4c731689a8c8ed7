"""What every fine-tuning shares: the weights it starts from, the labels it may see, the epochs that are scored."""

from __future__ import annotations

import inspect
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pointvideo.pretexts.c2p import C2PPretrain
from pointvideo.recipe import drawn_ahead, start_from
from pointvideo.study.device import make_fabric
from pointvideo.study.trainer import fit
from pointvideo.tasks.downstream import Finetuning, labelled_videos

from ..study.dots import BACKBONE, TRAINING, finetune, make_store, pretrain


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


class Network(nn.Module):
    """A part that is pre-trained and a head that is not."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(3, 4)
        self.head = nn.Linear(4, 2)


BEGUN, SCRATCH = finetune(init=pretrain()), finetune()


def test_weights_are_taken_over_and_fresh_parts_are_left():
    torch.manual_seed(0)
    before, network = Network(), Network()
    own = {name: value.clone() for name, value in network.state_dict().items()}
    start_from(BEGUN, network, before.state_dict())
    assert all(torch.equal(value, before.state_dict()[name]) for name, value in network.state_dict().items())
    network = Network()
    network.load_state_dict(own)
    start_from(BEGUN, network, before.state_dict(), fresh=("head.",))
    for name, value in network.state_dict().items():
        assert torch.equal(value, (own if name.startswith("head.") else before.state_dict())[name]), name


def test_a_fresh_part_may_be_missing_or_of_another_shape():
    body = {name: value for name, value in Network().state_dict().items() if not name.startswith("head.")}
    start_from(BEGUN, Network(), body, fresh=("head.",))
    start_from(BEGUN, Network(), body | {"head.weight": torch.zeros(9, 9)}, fresh=("head.",))
    with pytest.raises(ValueError, match="pretrained: 2 entries are missing and 0 unknown, the first is head.weight"):
        start_from(BEGUN, Network(), body)


def test_unknown_entries_are_refused():
    state = Network().state_dict()
    with pytest.raises(
        ValueError, match="0 entries are missing and 1 unknown, the first is neck.bias; expected the weig"
    ):
        start_from(BEGUN, Network(), state | {"neck.bias": torch.zeros(2)})
    with pytest.raises(ValueError, match="1 entries are missing and 1 unknown, the first is body.bias"):
        start_from(BEGUN, Network(), {"body.weight": state["body.weight"], "neck.bias": torch.zeros(2)}, ("head.",))


def test_weights_come_with_an_init_and_only_then():
    for recipe, weights in ((BEGUN, None), (SCRATCH, Network().state_dict())):
        with pytest.raises(
            ValueError, match="pretrained: expected the weights of the recipe's init, and none without one"
        ):
            start_from(recipe, Network(), weights)
    network = Network()
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    start_from(SCRATCH, network, None)
    assert all(torch.equal(value, kept[name]) for name, value in network.state_dict().items())


@pytest.fixture(scope="module")
def many():
    """Fifty training videos of unequal classes, among test videos."""

    class Store:
        labels = np.array([0] * 30 + [1] * 15 + [2] * 5 + [3] * 10)

        def indices(self, split):
            return np.arange(50) if split == "train" else np.arange(50, 60)

    return Store()


def test_labels_are_kept_class_by_class_and_nested(many):
    draw = inspect.unwrap(labelled_videos)
    shares = {percent: draw(many, percent, 4) for percent in (1, 10, 20, 40, 80, 100)}
    for smaller, larger in zip(list(shares)[:-1], list(shares)[1:], strict=True):
        assert set(shares[smaller]) <= set(shares[larger])
    for percent, videos in shares.items():
        assert np.all(np.diff(videos) > 0)
        each = [int((many.labels[videos] == label).sum()) for label in range(4)]
        assert each == [max(1, round(n * percent / 100)) for n in (30, 15, 5)] + [0]
    assert shares[100].tolist() == list(range(50))
    assert not np.array_equal(draw(many, 20, 4), draw(many, 20, 5))
    assert np.array_equal(draw(many, 20, 4), shares[20])


def test_labels_are_drawn_from_the_videos_that_are_given(many):
    draw = inspect.unwrap(labelled_videos)
    part = np.array([1, 5, 31, 33, 35, 37, 46])
    assert draw(many, 100, 0, part).tolist() == part.tolist()
    few = draw(many, 25, 0, part)
    assert set(few) <= set(part.tolist()) and np.bincount(many.labels[few]).tolist() == [1, 1, 1]


def test_a_share_of_the_labels_is_what_training_draws_from(store):
    job = finetune(label_percent=50).job(store)
    assert job.stream.videos.tolist() == labelled_videos(store, 50, 0).tolist() and len(job.stream.videos) == 4
    drawn = {int(video) for epoch in range(6) for video in job.stream.draw(epoch, 0)[0]}
    assert drawn == set(job.stream.videos.tolist())
    assert job.sizes()["train_videos"] == 4


def test_words_for_the_start():
    assert finetune().start == "from scratch"
    assert finetune(init=pretrain(), label_percent=20).start == "after C2P, 20 % of the labels"
    varied = C2PPretrain(backbone=BACKBONE, student_sees="complete")
    assert finetune(init=varied).start == "after C2P (complete to complete)"


class Scored(Finetuning):
    """Scores of epoch after epoch, read from a list."""

    def __init__(self, store, values, **changes):
        super().__init__(finetune(**changes), store)
        self.values = list(values)

    def evaluate(self):
        return {"accuracy": self.values.pop(0)}


def test_epochs_that_are_due_and_the_first_of_the_best(store):
    training = replace(TRAINING, epochs=7)
    task = Scored(store, [0.25, 0.75, 0.5, 0.75], training=training, evaluate_every=2)
    curve = [task.epoch_end(epoch) for epoch in range(7)]
    assert curve == [{}, {"accuracy": 0.25}, {}, {"accuracy": 0.75}, {}, {"accuracy": 0.5}, {"accuracy": 0.75}]
    assert task.best_epoch == 3 and max(task.scores) == 6
    resumed = Scored(store, [], training=training)
    resumed.load_state(task.state())
    assert resumed.scores == task.scores and resumed.best_epoch == 3


def test_beside_a_gpu_batches_are_drawn_ahead_in_their_order():
    """The next batch is drawn, in another thread, while the caller has the one before."""
    started = [threading.Event() for _ in range(4)]
    seen, threads = [], set()

    def draw(place: int) -> int:
        threads.add(threading.current_thread())
        started[place].set()
        return 10 * place

    for place, value in enumerate(drawn_ahead(draw, range(4), torch.device("cuda"))):
        assert place == 3 or started[place + 1].wait(10), "the next one is not being drawn"
        seen.append(value)
    assert seen == [0, 10, 20, 30] and threading.current_thread() not in threads
    assert list(drawn_ahead(draw, [], torch.device("cuda"))) == []
    for place, _ in enumerate(drawn_ahead(lambda place: seen.append(place), range(4), torch.device("cpu"))):
        assert seen[-1] == place, "on the CPU nothing is drawn before it is needed"


def test_the_test_set_is_scored_in_the_precision_of_training(store):
    """The trainer's autocast is around the network alone: what comes out is in its type, and scores are shares."""
    job = SCRATCH.job(store)
    kinds = set()
    job.module.register_forward_hook(lambda module, given, out: kinds.add((module.training, out.dtype)))

    class Half:
        device = torch.device("cpu")

        def __getattr__(self, name):
            return getattr(fabric, name)

        def autocast(self):
            return torch.autocast("cpu", torch.bfloat16)

    fabric = make_fabric(torch.device("cpu"))
    fit(job, fabric=Half())
    assert kinds == {(True, torch.bfloat16), (False, torch.bfloat16)}
    assert 0 <= job.result()["last"]["accuracy"] <= 1
