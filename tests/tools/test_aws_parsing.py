"""Times of answers are what botocore makes of them, however they are written."""

import pytest
from botocore.utils import parse_timestamp

from tools.aws.parsing import moment


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-21T13:31:01Z",
        "2026-11-21T13:31:01.123Z",
        "2026-11-21T13:31:01.123456789Z",
        "2026-11-21T13:31Z",
        "2026-11-21T13:31:01",
        "2026-11-21T13:31:01+09:00",
        "Sat, 21 Nov 2026 13:31:01 GMT",
        "20261121T133101Z",
        "1700000000",
        1700000000.5,
    ],
)
def test_a_time_is_read_as_botocore_reads_it(said):
    ours, theirs = moment(said), parse_timestamp(said)
    assert (ours, ours.utcoffset()) == (theirs, theirs.utcoffset())


@pytest.mark.parametrize("said", ["", "soon", "2026-13-41T00:00:00Z"])
def test_what_is_no_time_is_refused_as_botocore_refuses_it(said):
    with pytest.raises(ValueError, match="Invalid timestamp"):
        moment(said)
