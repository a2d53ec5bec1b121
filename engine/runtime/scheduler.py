"""MindSpore's scheduler as a process of its own, for jobs that mpirun starts (msrun brings its own)."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from common.lifetime import end_with_parent

    end_with_parent()
    import mindspore as ms
    from mindspore.communication import init

    ms.set_device("CPU")  # the scheduler only introduces the workers to each other
    init()
