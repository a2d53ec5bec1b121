from netzoo import create_net
from netzoo.count import count_parameters
from netzoo.freeze import freeze


def test_the_table_has_a_row_a_part_and_their_sum():
    net = create_net("lenet5_modern", num_classes=10)
    freeze(net, patterns=[r"c5\..*"])
    lines = [line.split() for line in str(count_parameters(net)).splitlines()]
    assert ["c5", "48,120", "0"] in lines
    assert lines[-1] == ["all", "61,706", "13,586"]


def test_running_statistics_are_not_parameters():
    assert count_parameters(create_net("lenet5_improved", num_classes=10)).total == 61_706 - 142 + 2 * 142
