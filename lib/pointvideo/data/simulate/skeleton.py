"""Forward kinematics of the trunk and two-bone inverse kinematics of arms and legs, vectorised over the frames of a
motion.
"""

import numpy as np
from jaxtyping import Float

from .body import Proportions

Vectors = Float[np.ndarray, "frames 3"]
Frames = tuple[Float[np.ndarray, "frames 3 3"], Float[np.ndarray, "frames 3"]]


def rotation(axis: str, degrees: Float[np.ndarray, " frames"]) -> Float[np.ndarray, "frames 3 3"]:
    """Rotation about a coordinate axis: ``x`` pitches y towards z, ``y`` turns z towards x, ``z`` rolls x towards y."""
    angle = np.deg2rad(degrees)
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.tile(np.eye(3), (len(angle), 1, 1))
    matrix[:, first, first] = matrix[:, second, second] = np.cos(angle)
    matrix[:, second, first], matrix[:, first, second] = np.sin(angle), -np.sin(angle)
    return matrix


def _unit(vector: Vectors) -> Vectors:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)


def bone_frame(start: Vectors, end: Vectors, front: Vectors) -> Frames:
    """Frame of a limb bone: origin at ``start``, y along the bone, z as near to ``front`` as that allows."""
    along = _unit(end - start)
    depth = front - (front * along).sum(-1, keepdims=True) * along
    depth = _unit(depth + 1e-6)
    depth = _unit(depth - (depth * along).sum(-1, keepdims=True) * along)
    return np.stack([np.cross(along, depth), along, depth], -1), start


def two_bone(root: Vectors, target: Vectors, upper: float, lower: float, pole: Vectors) -> tuple[Vectors, Vectors]:
    """Middle and end joint of a chain of two bones from ``root`` towards ``target``, the middle joint bulging towards
    ``pole``.

    A target out of reach is approached along the straight line to it.
    """
    line = target - root
    reach = np.clip(np.linalg.norm(line, axis=-1, keepdims=True), abs(upper - lower) + 0.02, 0.9985 * (upper + lower))
    along = _unit(line)
    bulge = _unit(pole - (pole * along).sum(-1, keepdims=True) * along)
    cosine = (upper**2 + reach**2 - lower**2) / (2 * upper * reach)
    sine = np.sqrt(np.maximum(1 - cosine**2, 0))
    return root + upper * (cosine * along + sine * bulge), root + reach * along


def pose(body: Proportions, motion: dict[str, np.ndarray]) -> dict[str, Frames]:
    """Frames of all bones for every frame of a motion (channels: `pointvideo.data.simulate.motions`).

    Returns bone name -> (rotation (frames, 3, 3) with the bone's axes as columns, origin (frames, 3)) in the actor's
    place: metres, y up from the floor. A bent trunk flexes at the hips, the waist and the chest; planted feet hold
    the pelvis down.
    """
    frames = len(motion["lean"])
    lean, side, twist = motion["lean"], motion["side"], motion["twist"]
    facing = rotation("y", motion["turn"])
    up = np.array([0.0, 1.0, 0.0])
    bones: dict[str, Frames] = {}

    pelvis = facing @ rotation("y", 0.25 * twist) @ rotation("x", 0.5 * lean) @ rotation("z", -0.35 * side)
    stand = body.ankle + 0.985 * body.leg + 0.3 * body.pelvis
    place = motion["root"] * body.leg
    # The hips go back and the pelvis down as the trunk folds forward, so that the weight stays over the feet.
    place = (
        place
        + np.stack([np.zeros(frames), np.zeros(frames), -0.13 * np.sin(np.deg2rad(np.clip(lean, 0, 100)))], -1)
        * body.leg
    )
    origin = (facing @ place[:, :, None])[:, :, 0] + stand * up

    ankles, hips = {}, {}
    for name, sign in (("left", -1.0), ("right", 1.0)):
        step = motion[f"{name}_foot"] * body.leg * np.array([sign, 1.0, 1.0])
        rest = np.array([sign * 1.15 * body.hip_half, body.ankle, 0.0])
        ankles[name] = (facing @ (step + rest)[:, :, None])[:, :, 0]
        hips[name] = pelvis @ np.array([sign * body.hip_half, -0.3 * body.pelvis, 0.0])
    drop = np.zeros(frames)
    for name, ankle in ankles.items():
        planted = np.clip(1 - (ankle[:, 1] - body.ankle) / 0.06, 0, 1)
        hip = origin + hips[name]
        across = np.linalg.norm((hip - ankle)[:, [0, 2]], axis=-1)
        highest = ankle[:, 1] + np.sqrt(np.maximum((0.995 * body.leg) ** 2 - across**2, 0.01))
        drop = np.maximum(drop, planted * (hip[:, 1] - highest))
    origin = origin - drop[:, None] * up
    bones["pelvis"] = pelvis, origin

    abdomen = facing @ rotation("y", 0.6 * twist) @ rotation("x", 0.78 * lean) @ rotation("z", -0.7 * side)
    bones["abdomen"] = abdomen, origin + pelvis @ np.array([0, body.pelvis, 0])
    chest = facing @ rotation("y", twist) @ rotation("x", lean) @ rotation("z", -side)
    waist = bones["abdomen"][1] + abdomen @ np.array([0, body.abdomen, 0])
    bones["chest"] = chest, waist
    gaze = (
        facing
        @ rotation("y", 0.45 * twist + motion["look"])
        @ rotation("x", 0.8 * lean + motion["nod"])
        @ rotation("z", -0.5 * side)
    )
    bones["head"] = gaze, waist + chest @ np.array([0, body.chest + body.neck, 0])

    for name, sign in (("left", -1.0), ("right", 1.0)):
        mirror = np.array([sign, 1.0, 1.0])
        hand = motion[f"{name}_hand"] * mirror
        shrug = 0.035 * body.stature * np.clip(hand[:, 1], 0, 1)
        shoulder = waist + chest @ np.array([sign * body.shoulder_half, 0.90 * body.chest, 0.0])
        shoulder = shoulder + chest[:, :, 1] * shrug[:, None] - chest[:, :, 0] * (0.3 * sign * shrug)[:, None]
        target = shoulder + (facing @ (hand * body.arm)[:, :, None])[:, :, 0]
        pole = (facing @ (motion[f"{name}_elbow"] * mirror)[:, :, None])[:, :, 0]
        elbow, wrist = two_bone(shoulder, target, body.upper_arm, body.forearm, pole)
        bones[f"{name} upper arm"] = bone_frame(shoulder, elbow, chest[:, :, 2])
        bones[f"{name} forearm"] = bone_frame(elbow, wrist, chest[:, :, 2])
        bones[f"{name} hand"] = bone_frame(wrist, wrist + (wrist - elbow), sign * chest[:, :, 0])

        hip = origin + hips[name]
        knee, ankle = two_bone(
            hip, ankles[name], body.thigh, body.shin, facing[:, :, 2] + 0.25 * sign * facing[:, :, 0]
        )
        bones[f"{name} thigh"] = bone_frame(hip, knee, pelvis[:, :, 2])
        bones[f"{name} shin"] = bone_frame(knee, ankle, pelvis[:, :, 2])
        toe = facing @ rotation("y", np.full(frames, 9.0 * sign)) @ rotation("x", -motion[f"{name}_toe"])
        heel = ankle - 0.02 * toe[:, :, 2] - 0.3 * body.ankle * toe[:, :, 1]
        bones[f"{name} foot"] = bone_frame(heel, heel + toe[:, :, 2], toe[:, :, 1])
    return bones
