"""MindSpore's scheduler as a process of its own, for jobs that mpirun starts (msrun brings its own)."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from common.launcher_protocol import note_start
    from common.lifetime import end_with_launcher, end_with_parent

    end_with_parent()  # and by nothing else: rank 0 has blocked the signals that would stop both
    end_with_launcher()
    note_start()
    import mindspore as ms
    from mindspore.communication import init

    ms.set_device("CPU")  # the scheduler only introduces the workers to each other
    init()
