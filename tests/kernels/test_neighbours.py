"""Nearest neighbours, interpolation and Chamfer distance: by hand, by the specification, by the goldens; gradients."""

from __future__ import annotations

import inspect
import shutil

import pytest
import torch

from pointvideo.kernels.ball_query import ball_query
from pointvideo.kernels.chamfer import chamfer, chamfer_specification
from pointvideo.kernels.farthest_points import sample_farthest_points
from pointvideo.kernels.interpolate import (
    interpolate,
    interpolate_backward_specification,
    interpolate_specification,
    inverse_distances,
)
from pointvideo.kernels.nearest_neighbors import nearest_neighbors, nearest_neighbors_specification

from ..parity.goldens import FOLDER, open_case
from .sample_clouds import KINDS, beyond, clouds, lengths_of, module_of

LINE = torch.tensor([[[0.0, 0, 0], [3, 0, 0], [1, 0, 0], [1, 0, 0]]])  # the third and the fourth coincide
XYZ = clouds("uniform")
QUERIES = clouds("uniform", points=40, seed=1)


@pytest.fixture(params=["few", "plain", "spatial"])
def form(request, monkeypatch):
    """Each of the CPU forms, whatever the size: all points; blocks in the order given; blocks in spatial order."""
    module = module_of("nearest_neighbors")
    monkeypatch.setattr(module, "is_few", lambda points, neighbours: request.param == "few" and neighbours <= 4)
    monkeypatch.setattr(module, "is_spatial", lambda points, queries: request.param == "spatial")
    return request.param


def assert_nearest(xyz, queries, neighbours, lengths=None, reference=None):
    distances, index = nearest_neighbors(xyz, queries, neighbours, lengths=lengths)
    squared, expected = nearest_neighbors_specification(
        xyz if reference is None else reference, queries, neighbours, lengths
    )
    assert distances.dtype == torch.float32 and index.dtype == torch.int64
    assert torch.equal(index, expected) and torch.equal(distances, squared.sqrt())


def test_neighbours_on_a_line(form):
    distances, index = nearest_neighbors(LINE, torch.tensor([[[0.5, 0, 0], [2, 0, 0]]]), 3)
    assert index.tolist() == [[[0, 2, 3], [1, 2, 3]]]  # all three equally near: the lower index first
    assert distances.tolist() == [[[0.5, 0.5, 0.5], [1.0, 1.0, 1.0]]]
    distances, index = nearest_neighbors(LINE[:, :2], torch.zeros(1, 1, 3), 4)
    assert index.tolist() == [[[0, 1, 0, 0]]] and distances.tolist() == [[[0.0, 3.0, torch.inf, torch.inf]]]


def test_interpolation_on_a_line():
    distances, index = nearest_neighbors(LINE[:, :3], torch.tensor([[[0.25, 0, 0], [3, 0, 0]]]), 2)
    weights = inverse_distances(distances)
    # a quarter of the way from point 0 to point 2; then exactly on point 1
    assert torch.allclose(weights, torch.tensor([[[0.75, 0.25], [1.0, 0.0]]]), atol=1e-7)
    values = interpolate(torch.tensor([[[10.0], [30.0], [20.0]]]), index, weights)
    assert torch.allclose(values, torch.tensor([[[12.5], [30.0]]]), atol=1e-5)
    assert inverse_distances(torch.tensor([[[1.0, torch.inf]]])).tolist() == [[[1.0, 0.0]]]


def test_chamfer_on_a_line():
    # 0 -> 0, 3 -> 1 (four), 1 -> 1, 1 -> 1: mean 1; back: 0 and 1 are both there
    assert chamfer(LINE, LINE[:, [0, 2]]).tolist() == [1.0]
    assert chamfer(LINE[:, [0, 2]], LINE).tolist() == [1.0]
    assert chamfer(LINE, LINE + torch.tensor([0.0, 2.0, 0.0])).tolist() == [8.0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("points", [1, 2, 63, 64, 65, 300, 4300])
def test_neighbours_equal_the_specification(kind, points, form):
    xyz = clouds(kind, count=3, points=points)
    queries = torch.cat([clouds(kind, count=3, points=30, seed=1), xyz[:, :30]], dim=1)
    for neighbours in (1, 2, 3, 4, 8, 9, 70):
        assert_nearest(xyz, queries, neighbours)


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_cut_the_clouds(kind, form):
    xyz = clouds(kind, points=400, count=7)
    queries = clouds(kind, points=30, count=7, seed=1)
    lengths = lengths_of(xyz)
    lengths[2:5] = torch.tensor([64, 2, 399])  # a small cloud after a large one finds nothing of it
    for neighbours in (3, 5):
        assert_nearest(beyond(xyz, lengths), queries, neighbours, lengths, reference=xyz)
        alone = [
            nearest_neighbors(xyz[cloud : cloud + 1, :length], queries[cloud : cloud + 1], neighbours)[1]
            for cloud, length in enumerate(lengths)
        ]
        assert torch.equal(nearest_neighbors(xyz, queries, neighbours, lengths=lengths)[1], torch.cat(alone))


def golden():
    if not FOLDER.is_dir():
        pytest.skip(f"no golden tensors in {FOLDER}: name their folder with POINTVIDEO_GOLDENS")
    return open_case("ops")


def test_golden_neighbours(form):
    case = golden()
    unknown = case.tensor("three_nn/unknown")
    distances, index = nearest_neighbors(case.tensor("three_nn/known"), unknown, 3)
    assert torch.equal(index, case.tensor("three_nn/idx").long())
    assert torch.allclose(distances, case.tensor("three_nn/dist"), rtol=1e-6, atol=0)
    distances, index = nearest_neighbors(case.tensor("three_nn_two_known/known"), unknown, 3)
    expected = case.tensor("three_nn_two_known/dist_inf_as_minus1")
    assert torch.equal(index, case.tensor("three_nn_two_known/idx").long())
    assert torch.equal(distances == torch.inf, expected == -1)
    assert torch.allclose(distances[..., :2], expected[..., :2], rtol=1e-6, atol=0)
    distances, index = nearest_neighbors(case.tensor("three_nn_tie/known"), case.tensor("three_nn_tie/unknown"), 3)
    assert torch.equal(index, case.tensor("three_nn_tie/idx").long())
    assert torch.allclose(distances, case.tensor("three_nn_tie/dist"), rtol=1e-6, atol=0)


def test_golden_interpolation():
    case = golden()
    features = case.tensor("three_interp/features").transpose(1, 2).requires_grad_()  # the authors hold channels first
    weights = inverse_distances(case.tensor("three_nn/dist"))
    assert torch.allclose(weights, case.tensor("three_interp/weight"), rtol=1e-5)
    ours = interpolate(features, case.tensor("three_nn/idx").long(), case.tensor("three_interp/weight"))
    assert torch.allclose(ours, case.tensor("three_interp/out").transpose(1, 2), rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(ours.sum(), features)
    expected = case.tensor("three_interp/grad_features_of_sum").transpose(1, 2)
    assert torch.allclose(gradient, expected, rtol=1e-5, atol=1e-6)


def some_features(dtype, points=50, channels=33, count=70, neighbours=3):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(3, points, channels, generator=generator, dtype=torch.float64).to(dtype)
    index = torch.randint(points, (3, count, neighbours), generator=generator)
    return features, index, torch.rand(3, count, neighbours, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("neighbours", [1, 3, 8])
def test_interpolation_errs_no_more_than_twice_as_much_as_torch(dtype, neighbours):
    features, index, weights = some_features(dtype, neighbours=neighbours)
    gradient = torch.randn(3, 70, 33, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    leaves = [features.clone().requires_grad_(), weights.clone().requires_grad_()]
    ours = interpolate(leaves[0], index, leaves[1])
    assert ours.dtype == dtype
    ours = [ours.detach(), *torch.autograd.grad(ours, leaves, gradient)]
    plain = [features.clone().requires_grad_(), weights.clone().requires_grad_()]
    rows = index.reshape(3, -1, 1).expand(-1, -1, 33)
    theirs = (plain[0].gather(1, rows).view(3, 70, neighbours, 33) * plain[1][..., None]).sum(dim=2)
    theirs = [theirs.detach(), *torch.autograd.grad(theirs, plain, gradient)]
    wide = [tensor.double() for tensor in (features, weights, gradient)]
    exact = [
        interpolate_specification(wide[0], index, wide[1]),
        *interpolate_backward_specification(wide[0], index, wide[1], wide[2], True),
    ]
    rounding = torch.finfo(dtype).eps
    for one, other, truth, leaf in zip(ours, theirs, exact, [features, features, weights], strict=True):
        assert one.dtype == leaf.dtype
        error = (one.double() - truth).abs().max()
        assert error <= 2 * (other.double() - truth).abs().max() + rounding * truth.abs().max()


def test_gradients():
    features, index, weights = some_features(torch.float64, points=9, channels=5, count=7)
    leaves = features.requires_grad_(), weights.requires_grad_()
    assert torch.autograd.gradcheck(lambda *leaves: interpolate(leaves[0], index, leaves[1]), leaves)
    # one of the two at a time
    assert torch.autograd.gradcheck(lambda leaf: interpolate(leaf, index, weights.detach()), leaves[:1])
    assert torch.autograd.gradcheck(lambda leaf: interpolate(features.detach(), index, leaf), leaves[1:])


def test_infinite_features_stay_infinite():
    features, index, weights = some_features(torch.float32)
    features[:, 3, 0] = torch.inf
    weights.requires_grad_()
    output = interpolate(features, index, weights)
    assert torch.allclose(output, interpolate_specification(features, index, weights), atol=1e-6)
    (gradient,) = torch.autograd.grad(output.sum(), weights)
    assert torch.equal(gradient == torch.inf, index == 3)


def test_second_derivative_is_refused(monkeypatch):
    features, index, weights = some_features(torch.float32)
    features.requires_grad_()
    for form in ("fast", "specification"):
        monkeypatch.setenv("POINTVIDEO_KERNELS", form)
        loss = interpolate(features, index, weights).square().sum()
        (gradient,) = torch.autograd.grad(loss, features, create_graph=True)
        with pytest.raises(NotImplementedError, match="interpolate: got a second derivative"):
            gradient.sum().backward()


@pytest.mark.parametrize("kind", ["uniform", "grid", "duplicates", "origin"])
def test_chamfer_equals_torch(kind):
    first, second = clouds(kind, points=60), clouds(kind, points=90, seed=1) + 0.003
    leaves = first.clone().requires_grad_(), second.clone().requires_grad_()
    ours = chamfer(*leaves)
    assert torch.allclose(ours, chamfer_specification(first, second), rtol=1e-5, atol=1e-9)
    if kind in ("uniform", "origin"):  # among equals, torch's amin shares the gradient out
        gradients = torch.autograd.grad(ours.sum(), leaves)
        plain = first.clone().requires_grad_(), second.clone().requires_grad_()
        expected = torch.autograd.grad(chamfer_specification(*plain).sum(), plain)
        for one, other in zip(gradients, expected, strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-8)


def test_input_may_be_strided_and_empty(form):
    strided = XYZ.transpose(0, 1).contiguous().transpose(0, 1)
    assert_nearest(strided, QUERIES[:, ::3], 4)
    assert nearest_neighbors(XYZ[:0], QUERIES[:0], 3)[1].shape == (0, 40, 3)
    assert nearest_neighbors(XYZ, QUERIES[:, :0], 3)[1].shape == (5, 0, 3)
    features, index, weights = some_features(torch.float32)
    expected = interpolate(features, index, weights)
    turned = (features.mT.contiguous().mT, index.mT.contiguous().mT, weights.mT.contiguous().mT)
    assert torch.equal(interpolate(*turned), expected)
    gradient = torch.autograd.grad(interpolate(turned[0].requires_grad_(), *turned[1:]).sum(), turned[0])[0]
    ones = torch.ones_like(expected)
    assert torch.allclose(gradient, interpolate_backward_specification(features, index, weights, ones, False)[0])
    for empty in (
        (features[:0], index[:0], weights[:0]),
        (features, index[:, :0], weights[:, :0]),
        (features[..., :0], index, weights),
    ):
        leaves = empty[0].clone().requires_grad_(), empty[2].clone().requires_grad_()
        output = interpolate(leaves[0], empty[1], leaves[1])
        assert output.shape == (*empty[1].shape[:2], empty[0].shape[2])
        assert all((gradient == 0).all() for gradient in torch.autograd.grad(output.sum(), leaves))
    assert chamfer(XYZ[:0], QUERIES[:0]).shape == (0,)


def test_every_slot_is_written(form, monkeypatch):
    empty = torch.empty

    def poisoned(*shape, **options):
        filled = empty(*shape, **options)
        return filled.fill_(float("nan")) if filled.is_floating_point() else filled.fill_(-77)

    monkeypatch.setattr(torch, "empty", poisoned)
    assert_nearest(XYZ, QUERIES, 400)
    assert_nearest(XYZ[:, :2], QUERIES, 4)
    features, index, weights = some_features(torch.float32)
    leaves = features.requires_grad_(), weights.requires_grad_()
    output = interpolate(leaves[0], index.clamp(max=30), leaves[1])  # some points are named by nobody
    assert output.isfinite().all()
    to_features, to_weights = torch.autograd.grad(output.sum(), leaves)
    assert to_features.isfinite().all() and (to_features[:, 31:] == 0).all() and to_weights.isfinite().all()


def test_result_does_not_depend_on_threads(form, monkeypatch):
    monkeypatch.setattr(module_of("cpu"), "WORTHWHILE", 0)
    before = torch.get_num_threads()
    xyz, queries = clouds("grid", count=1, points=500), clouds("grid", count=1, points=1500, seed=1)
    features = torch.randn(1, 500, 70, generator=torch.Generator().manual_seed(0)).requires_grad_()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            distances, index = nearest_neighbors(xyz, queries, 3)
            weights = inverse_distances(distances).requires_grad_()
            output = interpolate(features, index, weights)
            gradients = torch.autograd.grad(output.square().sum(), (features, weights))
            results.append((distances, index, output.detach(), *gradients, chamfer(xyz, queries)))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], other, strict=True))


FEATURES, INDEX, WEIGHTS = some_features(torch.float32)
BAD_NEIGHBOURS = {
    r"xyz: got shape \(300, 3\)": (XYZ[0], QUERIES, 3),
    r"queries: got shape \(5, 40, 2\)": (XYZ, QUERIES[..., :2], 3),
    "queries: got torch.float64": (XYZ, QUERIES.double(), 3),
    "xyz: got torch.int64": (XYZ.long(), QUERIES, 3),
    "queries: got 2 clouds, expected 5": (XYZ, QUERIES[:2], 3),
    "queries: got device meta": (XYZ, QUERIES.to("meta"), 3),
    "neighbours: got 0, expected an integer of at least 1": (XYZ, QUERIES, 0),
    "xyz: got clouds of 0 points": (XYZ[:, :0], QUERIES, 3),
    "xyz: got 300 values that are NaN": (XYZ.clone().index_fill_(2, torch.tensor(1), torch.inf)[:1], QUERIES[:1], 3),
    "queries: got 3 values that are NaN": (
        XYZ,
        torch.cat([QUERIES[:, 1:], QUERIES[:, :1] * torch.tensor([1, 1, 1, 1, torch.nan])[:, None, None]], dim=1),
        3,
    ),
    "lengths: got 0 to 0, expected 1 to 300": (XYZ, QUERIES, 3, torch.zeros(5).long()),
    "queries: got 3221225472 numbers a cloud": (XYZ[:1], torch.zeros(1, 1, 3).expand(1, 2**30, 3), 3),
}


@pytest.mark.parametrize("variable", ["fast", "specification"])
@pytest.mark.parametrize("message", BAD_NEIGHBOURS)
def test_neighbours_refuse(message, variable, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_KERNELS", variable)
    *arguments, lengths = (*BAD_NEIGHBOURS[message], None)[:4]
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(nearest_neighbors)(*arguments, lengths=lengths)


ABOVE = INDEX.clamp(min=1).index_fill_(1, torch.tensor(69), 50)
BELOW = INDEX.clamp(max=40).index_fill_(1, torch.tensor(0), -1)
BAD_INTERPOLATION = {
    r"features: got torch.float32 of shape \(50, 33\), expected floating": (FEATURES[0], INDEX, WEIGHTS),
    "features: got torch.int64": (FEATURES.long(), INDEX, WEIGHTS),
    "features: got list": ([1.0], INDEX, WEIGHTS),
    "features: got 4294967296 numbers a cloud": (
        torch.zeros(3, 1, 1).expand(3, 2**20, 2**12),
        INDEX,
        WEIGHTS,
    ),
    "index: got torch.int32": (FEATURES, INDEX.int(), WEIGHTS),
    r"index: got torch.int64 of shape \(3, 70, 0\), expected int64 .* at least one neighbour": (
        FEATURES,
        INDEX[..., :0],
        WEIGHTS[..., :0],
    ),
    "index: got 2 clouds, expected 3": (FEATURES, INDEX[:2], WEIGHTS[:2]),
    "index: got 1 to 50, expected 0 to 49": (FEATURES, ABOVE, WEIGHTS),
    "index: got -1 to 40, expected 0 to 49": (FEATURES, BELOW, WEIGHTS),
    r"weights: got torch.float32 of shape \(3, 70, 2\), expected floating \(3, 70, 3\)": (
        FEATURES,
        INDEX,
        WEIGHTS[..., :2],
    ),
    "weights: got torch.int64": (FEATURES, INDEX, WEIGHTS.long()),
    "weights: got device meta": (FEATURES, INDEX, WEIGHTS.to("meta")),
}


@pytest.mark.parametrize("variable", ["fast", "specification"])
@pytest.mark.parametrize("message", BAD_INTERPOLATION)
def test_interpolation_refuses(message, variable, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_KERNELS", variable)
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(interpolate)(*BAD_INTERPOLATION[message])


INFINITE = XYZ.clone().index_put_([torch.tensor([0])] * 3, torch.tensor(torch.inf))
BAD_CHAMFER = {
    r"first: got shape \(300, 3\)": (XYZ[0], QUERIES),
    "second: got torch.float64": (XYZ, QUERIES.double()),
    "second: got 2 clouds, expected 5": (XYZ, QUERIES[:2]),
    "first: got clouds of 0 points": (XYZ[:, :0], QUERIES),
    "second: got clouds of 0 points": (XYZ, QUERIES[:, :0]),
    "second: got 600 values that are NaN": (XYZ, QUERIES / 0),
    "first: got 1 values that are NaN": (INFINITE, XYZ),
}


@pytest.mark.parametrize("message", BAD_CHAMFER)
def test_chamfer_refuses(message):
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(chamfer)(*BAD_CHAMFER[message])


def test_one_variable_forces_the_specification(monkeypatch):
    def forbidden(*arguments):
        raise AssertionError("the fast form ran")

    def run():
        features = FEATURES.clone().requires_grad_()
        weights = WEIGHTS.clone().requires_grad_()
        output = interpolate(features, INDEX, weights)
        gradients = torch.autograd.grad(output.sum(), (features, weights))
        return (*nearest_neighbors(XYZ, QUERIES, 4), chamfer(XYZ, QUERIES), output.detach(), *gradients)

    expected = run()
    for operator in ("nearest_neighbors", "interpolate"):
        monkeypatch.setattr(module_of(operator), "share", forbidden)
    with pytest.raises(AssertionError, match="the fast form ran"):
        nearest_neighbors(XYZ, QUERIES, 4)
    with pytest.raises(AssertionError, match="the fast form ran"):
        interpolate(FEATURES, INDEX, WEIGHTS)
    monkeypatch.setenv("POINTVIDEO_KERNELS", "specification")
    for one, other in zip(run(), expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("lengths", [None, lengths_of(XYZ)])
def test_opcheck_neighbours(lengths):
    torch.library.opcheck(torch.ops.pointvideo.nearest_neighbors.default, (XYZ, QUERIES, 3, lengths))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_opcheck_interpolation(dtype):
    features, index, weights = some_features(dtype)
    arguments = (features.requires_grad_(), index, weights.requires_grad_())
    torch.library.opcheck(torch.ops.pointvideo.interpolate.default, arguments, atol=1e-2, rtol=1e-2)
    gradient = torch.ones(3, 70, 33, dtype=dtype)
    for to_weights in (True, False):
        arguments = (features.detach(), index, weights.detach(), gradient, to_weights)
        torch.library.opcheck(torch.ops.pointvideo.interpolate_backward.default, arguments)
    torch.library.opcheck(torch.ops.pointvideo.chamfer_neighbors.default, (XYZ, QUERIES))


def test_what_the_gpu_form_is_handed(monkeypatch):
    """The CUDA registrations, run on CPU tensors: contiguous tensors, checked values, the specification as fallback."""
    handed = {}
    search, mixing = module_of("nearest_neighbors"), module_of("interpolate")

    def launcher(file, name):
        return lambda *given: (handed.setdefault(name, given), None)

    for module in (search, mixing):
        monkeypatch.setattr(module, "launcher", launcher)
    lengths = lengths_of(XYZ)
    search._operator_cuda(XYZ[:, ::2], QUERIES[:, ::2], 3, None)
    cloud, queries, neighbours, sizes = handed["nearest_neighbors"]
    assert cloud.is_contiguous() and queries.is_contiguous() and (neighbours, sizes) == (3, None)
    with pytest.raises(ValueError, match="lengths: got 1 to 300, expected 1 to 150"):
        search._operator_cuda(XYZ[:, ::2], QUERIES, 3, lengths)
    turned = FEATURES.mT.contiguous().mT, INDEX.mT.contiguous().mT, WEIGHTS.mT.contiguous().mT
    mixing._operator_cuda(*turned)
    mixing._backward_cuda(*turned, FEATURES.new_ones(3, 70, 1).expand(-1, -1, 33), True)
    assert all(tensor.is_contiguous() for tensor in handed["interpolate"])
    assert all(tensor.is_contiguous() for tensor in handed["interpolate_backward"][:4])
    with pytest.raises(ValueError, match="index: got .*, expected 0 to 9"):
        mixing._operator_cuda(FEATURES[:, :10], INDEX, WEIGHTS)
    for module in (search, mixing):
        monkeypatch.setattr(module, "launcher", lambda file, name: None)
    fallback = search._operator_cuda(XYZ, QUERIES, 3, lengths)
    assert torch.equal(fallback[1], nearest_neighbors(XYZ, QUERIES, 3, lengths=lengths)[1])
    assert torch.allclose(mixing._operator_cuda(*turned), interpolate(FEATURES, INDEX, WEIGHTS), atol=1e-6)
    to_features, to_weights = mixing._backward_cuda(*turned, torch.ones(3, 70, 33), False)
    assert to_features.shape == FEATURES.shape and to_weights.shape == (0,)


def decoder(coarse, fine, features, lengths):
    """What a decoder does, and a few other operators, in one function."""
    distances, index = nearest_neighbors(coarse, fine, 3, lengths=lengths)
    carried = interpolate(features, index, inverse_distances(distances))
    chosen = sample_farthest_points(fine, 5)
    around = ball_query(fine, fine.gather(1, chosen[..., None].expand(-1, -1, 3)), 0.5, 4)
    return carried.square().sum() + chamfer(coarse, fine).sum(), around


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_under_compile(backend):
    if backend == "inductor" and shutil.which("g++") is None:
        pytest.skip("inductor needs g++")
    coarse, fine = XYZ[:, :50].clone(), QUERIES.clone()
    results = []
    for function in (decoder, torch.compile(decoder, fullgraph=True, backend=backend, dynamic=False)):
        features = torch.randn(5, 50, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
        coordinates = coarse.clone().requires_grad_()
        loss, around = function(coordinates, fine, features, torch.tensor([50, 1, 7, 3, 44]))
        results.append((loss.detach(), around, *torch.autograd.grad(loss, (coordinates, features))))
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_under_autocast():
    expected = nearest_neighbors(XYZ, QUERIES, 3)
    weights = inverse_distances(expected[0])
    features = torch.randn(5, 300, 6, generator=torch.Generator().manual_seed(0)).bfloat16().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = nearest_neighbors(XYZ, QUERIES, 3)
        output = interpolate(features, found[1], inverse_distances(found[0]))
        distance = chamfer(XYZ, QUERIES)
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    assert output.dtype == torch.bfloat16
    assert torch.equal(output, interpolate(features.float(), found[1], weights).bfloat16())
    output.float().sum().backward()
    assert features.grad.dtype == torch.bfloat16 and features.grad.isfinite().all()
    assert torch.equal(distance, chamfer(XYZ, QUERIES))
