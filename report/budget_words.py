"""What a run's page says about a time budget, in English and Chinese; `report/words.py` joins it to the rest."""

from __future__ import annotations

BUDGET_WORDS = {
    "budget_title": ("What each method brought", "每种方法带来了什么"),
    "method": ("method", "方法"),
    "val_right": ("val pictures right", "验证集答对"),
    "right_share": ("{} of {} ({})", "{1} 张中对 {0} 张（{2}）"),
    "to_method_before": ("difference to the method before, 95 % interval", "与前一种方法之差，95 % 置信区间"),
    "points_between": ("{} points ({} to {})", "{} 个百分点（{} 至 {}）"),
    "outcome": ("outcome", "结果"),
    "kept": ("kept", "保留"),
    "not_kept": ("not kept", "未保留"),
    "left_out": ("left out", "未执行"),
    "left_out_for_time": ("left out: forecast {}, {} left", "未执行：预计需 {}，仅剩 {}"),
    "budget_caption": (
        "{} of {} used. A method is kept if it is surely better than the one kept before it: exact McNemar test, "
        "one-sided, p < 0.05, on {} val pictures of {} photos, where a photo counts once. Otherwise the cheaper one "
        "is.",
        "共用 {}（预算 {}）。新方法只有确实优于此前保留的方法才会取而代之：在 {} 张验证图片（{} 张照片，"
        "每张照片只计一次）上做单侧精确 McNemar 检验，p < 0.05；否则保留更省时的方法。",
    ),
    "val_chose": (
        "Val chose among {} methods: its score is too high for the kept one.",
        "验证集在 {} 种方法中做了选择：所保留方法的验证成绩因此偏高。",
    ),
}
