import pytest

from launch.console import worth_showing

MSRUN = """Traceback (most recent call last):
  File "/opt/venv/bin/msrun", line 8, in <module>
    sys.exit(main())
  File "/opt/venv/lib/mindspore/run.py", line 256, in run
    process_manager.run()
RuntimeError: Distributed job exited with exception. Please check logs in directory: /logs.
"""
RANK = """Traceback (most recent call last):
  File "/code/train.py", line 8, in <module>
    main()
ValueError: a reason
"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("epoch 1/2\n" + MSRUN + "after\n", "epoch 1/2\nafter\n"),
        (RANK + MSRUN, RANK),
        (RANK + RANK, RANK + RANK),
        ("[ERROR] ME(2532:1,MainProcess):2026 x\nepoch\nStart worker process with rank id:0\n", "epoch\n"),
        ("Traceback (most recent call last):\n", "Traceback (most recent call last):\n"),
        ("", ""),
    ],
    ids=["msrun's", "a rank's, then msrun's", "two ranks'", "chatter", "cut off", "nothing"],
)
def test_users_see_the_ranks_and_not_the_launchers_traceback(text: str, shown: str) -> None:
    assert "".join(worth_showing(text.splitlines(keepends=True))) == shown
