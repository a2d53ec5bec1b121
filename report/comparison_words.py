"""What the comparison of runs says: English, Chinese."""

from __future__ import annotations

COMPARISON_WORDS = {
    "comparison": ("Comparison of runs", "训练对比"),
    "how_many": ("{} recipes · {} finished runs", "{} 个配方 · {} 次已完成的训练"),
    "results": ("Results", "结果"),
    "recipe": ("recipe", "配方"),
    "seeds": ("seeds", "种子"),
    "seed": ("seed {}", "种子 {}"),
    "seed_unknown": ("seed unknown", "种子未知"),
    "n_seeds": ("{} seeds", "{} 个种子"),
    "one_seed": ("1 seed", "1 个种子"),
    "n_runs": ("{} runs", "{} 次训练"),
    "part_of_runs": ("{} of {} runs", "{1} 次训练中的 {0} 次"),
    "column_leaking": ("{} top-1 LEAKING", "{} top-1（泄漏）"),
    "column_chosen_on": ("{0} top-1 CHOSEN ON {0}", "{0} top-1（用{0}选的模型）"),
    "test top-1": ("test top-1", "测试 top-1"),
    "val top-1": ("val top-1", "验证 top-1"),
    "test macro F1": ("test macro F1", "测试宏平均 F1"),
    "trainable parameters": ("trainable parameters", "可训练参数"),
    "all parameters": ("all parameters", "总参数量"),
    "wall time in all": ("wall time in all", "总用时"),
    "images/s": ("images/s", "张/秒"),
    "mean CPU": ("mean CPU", "平均 CPU"),
    "peak CPU": ("peak CPU", "峰值 CPU"),
    "peak memory": ("peak memory", "峰值内存"),
    "to be saved": ("to be saved", "需保存"),
    "legend": (
        "Sorted by clean test accuracy. A single run's accuracy stands with its Wilson 95 % interval and n; several "
        "seeds with their mean and range. 100 % CPU is one core.",
        "按干净测试集的准确率排序。单次训练的准确率附 Wilson 95 % 置信区间和 n；多个种子给出平均值与范围。"
        "CPU 100 % 为一个核。",
    ),
    "no_finished_run": ("No finished run.", "没有已完成的训练。"),
    "side_by_side": ("Side by side", "并列比较"),
    "clean_test": ("Clean test top-1", "干净测试集 top-1"),
    "clean_test_caption": (
        "Large dot: mean; small: seeds; whiskers: Wilson 95 % interval of the mean, n being the test pictures.",
        "大点：平均值；小点：各种子；误差线：平均值的 Wilson 95 % 置信区间，n 为测试图片数。",
    ),
    "val_top1": ("Validation top-1", "验证 top-1"),
    "train_loss": ("Training loss", "训练损失"),
    "val_loss": ("Validation loss", "验证损失"),
    "each_run": ("One line per run; seeds of a recipe share a colour.", "每次训练一条线；同一配方的种子同色。"),
    "is_it_chance": ("Is the difference chance?", "差异是偶然吗？"),
    "of_a_run": ("run", "训练"),
    "against": ("against", "对照"),
    "split": ("split", "划分"),
    "it alone right": ("it alone right", "仅它正确"),
    "the other alone right": ("the other alone right", "仅对照正确"),
    "points": ("points", "百分点"),
    "p": ("p", "p"),
    "test_legend": (
        "Exact McNemar test on the same pictures; points are top-1. Of k tests hold p against 0.05 / k: the smallest "
        "of several is small by chance more often. Seeds are not in it: it is about these two networks, not about "
        "their recipes.",
        "同一批图片上的精确 McNemar 检验；百分点指 top-1 之差。做 k 次检验时，p 应与 0.05 / k 比较："
        "多个 p 中最小的更容易偶然偏小。检验不含种子：它比较的是这两个网络，而不是它们的配方。",
    ),
    "untested": (
        "{}: no paired test against {}: no predictions of both on the same pictures.",
        "{}：无法与 {} 做配对检验：没有两者在同一批图片上的预测。",
    ),
    "differences": ("What the recipes differ in", "配方的差异"),
    "key": ("key", "键"),
    "not_finished": ("Not finished", "未完成"),
    "how_far": ("{} ({}): {}{} after {} epochs{}", "{}（{}）：{}{}，已训练 {} 轮{}"),
    "val_so_far": (", val top-1 so far {}", "，目前验证 top-1 {}"),
    "unfinished_apart": (
        "{} run(s) not finished: listed apart, in no mean.",
        "{} 次训练未完成：单独列出，不计入平均值。",
    ),
    "repeats": (
        "{}: {} runs but {} seed(s); repeats are no new evidence.",
        "{}：{} 次训练但只有 {} 个种子；重复的训练不是新的依据。",
    ),
    "more_than_the_seed": (
        "{}: its runs differ in more than the seed: {}.",
        "{}：各次训练除种子外还有差异：{}。",
    ),
    "without_clean_test": (
        "{}: {} of {} run(s) were not evaluated on a clean test split.",
        "{0}：{2} 次训练中有 {1} 次没有在干净的测试集上评测。",
    ),
    "other_pictures": (
        "The test splits are not the same pictures ({}): do not rank their accuracies against each other.",
        "测试集不是同一批图片（{}）：不要直接比较这些准确率。",
    ),
}
