"""Table 7's rivals on the same student and data: i-JEPA, MaST-Pre and Uni4D, which see points alone.

The paper rebuilt the last two without tuning them and found both worse than no training at all; so each stands here
twice, with the numbers of its own paper and with terms that are balanced for a few hundred updates.
"""

from __future__ import annotations

from ...backbones import TransformerSize
from ...backbones.contract import width_of
from ...pretexts.jepa import JEPAPretrain
from ...pretexts.masked_tokens import MaskedTokens
from ...pretexts.mast_pre import MaSTPrePretrain
from ...pretexts.uni4d import Uni4DPretrain
from ...study.experiments import Method
from .settings import clip_data, sizes

KINDS = {"ijepa": JEPAPretrain, "mast-pre": MaSTPrePretrain, "uni4d": Uni4DPretrain}
PRINTED = {"ijepa": "i-JEPA (intra-modal latent)", "mast-pre": "MaST-Pre pretext", "uni4d": "Uni4D pretext"}
METHODS = {
    "ijepa": Method("i-JEPA", "#7A5195", "s", "i-JEPA"),
    "mast-pre": Method("MaST-Pre", "#A6761D", "D", "MaST-Pre"),
    "uni4d": Method("Uni4D", "#56B4E9", "^", "Uni4D"),
    "ijepa-balanced": Method("i-JEPA, balanced", "#7A5195", "X", "i-JEPA, terms balanced"),
    "mast-pre-balanced": Method("MaST-Pre, balanced", "#A6761D", "X", "MaST-Pre, terms balanced"),
    "uni4d-balanced": Method("Uni4D, balanced", "#56B4E9", "X", "Uni4D, terms balanced"),
}
_WIDE = 256  # a student of at least such a width has the decoders of the sources, half as wide and four blocks deep


def rival(profile: str, name: str, seed: int = 0, split: str = "stated") -> MaskedTokens:
    """A rival's pre-training; ``name`` of :data:`METHODS`."""
    if name not in METHODS:
        raise ValueError(f"rival: got {name!r}, expected one of {', '.join(METHODS)}")
    chosen, kind = sizes(profile), KINDS[name.removesuffix("-balanced")]
    width = width_of(chosen.backbone)
    small = {} if width >= _WIDE else {
        "decoder": TransformerSize(width // 2, depth=2, heads=2, head_width=width // 4, hidden=2 * width),
        "predicted": 0.5,
    }  # fmt: skip
    recipe = kind(
        backbone=chosen.backbone, data=clip_data(profile, split), training=chosen.pretrain, seed=seed, **small
    )
    return recipe.balanced() if name.endswith("-balanced") else recipe
