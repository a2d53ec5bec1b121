from netzoo import create_net
from netzoo.count import changed_bytes, count_parameters
from netzoo.freeze import freeze


def test_the_table_has_a_row_a_part_and_their_sum() -> None:
    net = create_net("lenet5_modern", num_classes=10)
    freeze(net, patterns=[r"c5\..*"])
    lines = [line.split() for line in str(count_parameters(net)).splitlines()]
    assert ["c5", "48,120", "0"] in lines
    assert lines[-1] == ["all", "61,706", "13,586"]


def test_what_must_be_kept_is_what_trains_with_its_statistics() -> None:
    """Closed form: float32 values of a head of 1280 x 26 + 26, of a 1x1 convolution with BatchNorm."""
    net = create_net("mobilenetv2", num_classes=26)
    head, last = 1280 * 26 + 26, 320 * 1280 + 2 * 1280

    freeze(net, "last_n_blocks:0")
    with_last = changed_bytes(net)
    freeze(net, "backbone")

    assert with_last == 4 * (head + last + 2 * 1280)
    assert changed_bytes(net) == 4 * head
