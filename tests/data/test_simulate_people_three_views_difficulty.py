"""One frame of the three-view world does not tell the action; 24 frames do, of subjects that no model was shown."""

import pytest

from pointvideo.data.simulate.people_three_views import PeopleThreeViews

from .difficulty import accuracies
from .measured import measured, source_of

REACH = (900.0, 1000.0, 900.0)  # millimetres


@pytest.mark.slow
def test_one_frame_is_not_enough_and_motion_is(request):
    source = source_of(__file__, PeopleThreeViews, accuracies)
    found = measured("people_three_views", source, lambda: accuracies(PeopleThreeViews(), REACH), request.config)
    one, many = found["one frame, linear"], found["24 frames, temporal"]
    assert found["chance"] == 0.025 and one < 0.35
    assert many > 0.60 and many - one > 0.30
