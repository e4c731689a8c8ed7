"""One frame of the gesture world does not tell the gesture; 24 frames do, of subjects that no model was shown."""

import pytest

from pointvideo.data.simulate.hand_gestures import HandGestures

from .difficulty import accuracies
from .measured import measured, source_of

REACH = (24.0, 36.0, 45.0)  # shades of grey


@pytest.mark.slow
def test_one_frame_is_not_enough_and_motion_is(request):
    source = source_of(__file__, HandGestures, accuracies)
    found = measured("hand_gestures", source, lambda: accuracies(HandGestures(), REACH), request.config)
    one, many = found["one frame, linear"], found["24 frames, temporal"]
    assert found["chance"] == 0.04 and one < 0.45
    assert many > 0.65 and many - one > 0.30
