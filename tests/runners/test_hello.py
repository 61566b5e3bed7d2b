# ANCHOR: test
import pytest
from inferlet import testing


@pytest.mark.parametrize("case", testing.cases("hello"), ids=str)
def test_hello(case):
    assert case.check().passes < 100
# ANCHOR_END: test


def test_what_it_says_of_itself():
    result = testing.cases("hello")[0].run(options=["--seeds", "3"])
    assert result.passed and result.problems == []
    assert result.coverage["calls"]["forward-pass.execute"] == result.passes
    assert result.again.endswith("greets-the-world --seeds 3")
