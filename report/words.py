"""What the pages say, in English and Chinese; the comparison's words and a time budget's have files of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from report.budget_words import BUDGET_WORDS
from report.comparison_words import COMPARISON_WORDS

Lang = Literal["en", "zh"]
Words = Mapping[str, str]

# By key: English, Chinese. A value in {braces} is filled in by the template.
_WORDS = {
    # -- the frame -------------------------------------------------------------------------------------------------
    "report": ("report", "训练报告"),
    "not_measured": ("not measured", "未测量"),
    "to": ("to", "至"),
    "finished": ("finished", "已完成"),
    "stopped": ("stopped", "已停止"),
    "failed": ("failed", "失败"),
    "running": ("running", "运行中"),
    "unknown": ("unknown", "未知"),
    "train": ("train", "训练"),
    "val": ("val", "验证"),
    "test": ("test", "测试"),
    "test_unseen": ("test_unseen", "测试（去除泄漏）"),
    "leaking": ("LEAKING", "泄漏"),
    "chosen_on": ("CHOSEN ON {}", "用{}选的模型"),
    # -- results ---------------------------------------------------------------------------------------------------
    "n_classes": ("{} classes", "{} 个类别"),
    "provisional": (
        "This run is {}, not finished{}. Its numbers are provisional.",
        "本次训练{}，未完成{}，数字仅供参考。",
    ),
    "top1_of": ("{} top-1", "{} top-1"),
    "interval": ("95 % interval {}", "95 % 置信区间 {}"),
    "right_of_n": ("{} of n = {}", "n = {1} 中答对 {0}"),
    "top5": ("top-5 {}", "top-5 {}"),
    "macro_f1": ("macro F1 {}", "宏平均 F1 {}"),
    "loss_is": ("loss {}", "损失 {}"),
    "before_refit": (
        "of the head before it was solved again on train and val",
        "这是分类头在训练集加验证集上重新求解之前的成绩",
    ),
    "no_evidence": ("shares pictures with the training data: no evidence", "与训练数据有相同图片：不能作为依据"),
    "chose_the_checkpoint": (
        "the checkpoint was chosen on these pictures: no evidence",
        "检查点就是用这些图片选出来的：不能作为依据",
    ),
    "from_summary": (
        "from summary.json; n and interval not measured",
        "取自 summary.json；样本数与置信区间未测量",
    ),
    "no_clean_test": ("not measured on a clean test split", "没有在干净的测试集上评测"),
    "top1_by_split": ("Top-1 by split", "各划分的 top-1"),
    "top1_by_split_chart": ("Top-1 by split with 95 % intervals", "各划分的 top-1 与 95 % 置信区间"),
    "whiskers": ("Whiskers: Wilson 95 % intervals.", "误差线：Wilson 95 % 置信区间。"),
    "epochs_best": ("epochs (best)", "轮数（最佳）"),
    "parameters": ("parameters", "参数量"),
    "trainable": ("trainable", "可训练参数"),
    "wall_time": ("wall time", "总用时"),
    "training_speed": ("images/s in training", "训练速度（张/秒）"),
    "to_be_saved": ("to be saved", "需保存"),
    "in_short": ("In short", "概要"),
    "is_missing": (
        "{} is missing: what it holds is shown as not measured.",
        "缺少 {}：其中的内容显示为“未测量”。",
    ),
    "lines_left_out": (
        "{}: {} of {} lines could not be read and are left out",
        "{}：共 {2} 行，其中 {1} 行无法读取，已略去",
    ),
    "top1_disagrees": (
        "{}: top1 {} does not agree with {} of {}; the counts are reported",
        "{}：top1 {} 与计数（{3} 中对 {2}）不符；以计数为准",
    ),
    "matrix_disagrees": (
        "{}: the confusion matrix holds {} pictures, n is {}",
        "{}：混淆矩阵含 {} 张图片，而 n 为 {}",
    ),
    "chosen_val_loss": ("The best epoch was chosen by its val loss: {}.", "最佳轮按验证损失选出：{}。"),
    "chosen_val_top1": ("The best epoch was chosen by its val top-1: {}.", "最佳轮按验证 top-1 选出：{}。"),
    "chosen_last": (
        "The last epoch counts as the best: no score chose it.",
        "以最后一轮为最佳：没有用成绩来挑选。",
    ),
    "chosen_solved": (
        "The head is solved, not trained: there was no epoch to choose.",
        "分类头是求解得到的，未经训练：没有轮可选。",
    ),
    # -- curves ----------------------------------------------------------------------------------------------------
    "curves": ("Curves", "曲线"),
    "loss": ("Loss", "损失"),
    "loss_caption": (
        "Pale: windows of steps. The training loss includes label smoothing and augmentation if any.",
        "浅色：若干步的均值。训练损失含标签平滑与数据增强（如启用）。",
    ),
    "top1": ("Top-1 accuracy", "Top-1 准确率"),
    "top1_caption": (
        "Train: counted while training, with augmentation if any.",
        "训练：训练过程中统计，含数据增强（如启用）。",
    ),
    "learning_rate": ("Learning rate", "学习率"),
    "loss_scale": ("Loss scale", "损失缩放"),
    "images_per_second": ("Images per second", "每秒图片数"),
    "epoch": ("epoch", "轮"),
    "step": ("step", "步"),
    "best_epoch": ("best: epoch {}", "最佳：第 {} 轮"),
    # -- mistakes --------------------------------------------------------------------------------------------------
    "where_it_errs": ("Where it errs: {}, n = {}", "错在哪里：{}，n = {}"),
    "confusion": ("Confusion matrix", "混淆矩阵"),
    "confusion_chart": (
        "Confusion matrix: rows true class, columns predicted class",
        "混淆矩阵：行为真实类别，列为预测类别",
    ),
    "confusion_caption": (
        "Numbers are pictures; the shade is the share of the row. Blue: right, orange: wrong.",
        "数字为图片数，深浅为占该行的比例。蓝色：正确，橙色：错误。",
    ),
    "confusion_points": (
        "{} classes: a point for every cell, its shade the share of the row. Blue: right, orange: wrong. Names and "
        "numbers of the most frequent mistakes stand below.",
        "{} 个类别：每个格子一个点，深浅为占该行的比例。蓝色：正确，橙色：错误。最常见错误的名称与数量见下。",
    ),
    "confusion_links": (" Framed cells lead to their pictures.", "带框的格子可点击，跳到相应图片。"),
    "predicted": ("predicted", "预测"),
    "true": ("true", "真实"),
    "cell": ("{}: {} ({} of the row)", "{}：{}（占该行 {}）"),
    "frequent_mistakes": ("most frequent mistakes (true → predicted)", "最常见的错误（真实 → 预测）"),
    "pictures": ("pictures", "图片数"),
    "of_the_class": ("of the class", "占该类"),
    "no_mistakes": ("No mistakes on this split.", "该划分上没有错误。"),
    "wrong_pictures": ("Wrong pictures, the surest first", "判错的图片，最有把握的在前"),
    "none_wrong": ("None: all {} pictures are right.", "没有：{} 张图片全部正确。"),
    "wrong_caption": (
        "{} of {} pictures; the label, what it was taken for, and how surely. Mistakes at the top are often wrong "
        "labels.",
        "{1} 张中的 {0} 张；依次为标签、被判成的类别和把握程度。排在最前的错误往往是标签标错了。",
    ),
    "activation_maps": ("Show what spoke for the predicted class", "显示支持预测类别的区域"),
    "activation_caption": (
        "Class activation maps of the predicted class (Zhou et al., 2016), from yellow to red; where they are clear, "
        "nothing spoke for it. They are exact: a map's mean plus the bias of the class is its logit.",
        "预测类别的类激活图（Zhou 等，2016），由黄到红；透明处没有支持该类别的内容。该图是精确的：均值加上该类别的"
        "偏置即为 logit。",
    ),
    "no_activation_maps": (
        "No class activation maps: they are exact only where one linear layer follows pooled features, and this "
        "network ends otherwise.",
        "没有类激活图：只有池化特征后接单个线性层时它才精确，而该网络的结尾不是这样。",
    ),
    "files_gone": ("{} files are not where they were.", "{} 个文件已不在原处。"),
    "calibration": ("Is it as right as it is sure?", "把握与正确率是否相称？"),
    "calibration_chart": ("Accuracy over confidence", "准确率与置信度"),
    "calibration_caption": (
        "Expected calibration error {}: bars below the dashed line are surer than right.",
        "期望校准误差 {}：低于虚线的柱子表示过于自信。",
    ),
    "calibration_bar": ("{} of {} right, {} sure on average", "{1} 张中对 {0} 张，平均置信度 {2}"),
    "confidence": ("confidence", "置信度"),
    "per_class": ("Per class, worst first", "各类别，最差的在前"),
    "class": ("class", "类别"),
    "f1": ("F1", "F1"),
    "precision": ("precision", "精确率"),
    "recall": ("recall", "召回率"),
    "n": ("n", "n"),
    # -- data and exports ------------------------------------------------------------------------------------------
    "data": ("Pictures", "图片数据"),
    "found": ("what was found", "检查结果"),
    "data_clean": ("nothing wrong", "没有问题"),
    "data_unread": ("not looked at", "未检查"),
    "data_unreadable": ("{} unreadable, left out", "{} 张无法读取，已略去"),
    "data_dropped": ("{} copies of held-out pictures, left out", "{} 张与留出图片相同，已略去"),
    "data_copies": ("{} copies of {} pictures", "{} 张与{}图片相同"),
    "data_caption": (
        "What was seen before training: files that cannot be decoded, and byte-identical copies across splits. {} "
        "shows these and more.",
        "训练前的检查：无法解码的文件，以及各划分间逐字节相同的图片。{} 会显示这些和更多问题。",
    ),
    "export": ("Exported, and compared with the trained network", "导出，并与训练得到的网络比较"),
    "export_other": (
        "The export is of other weights than the results above.",
        "导出的权重与上面的成绩不是同一份。",
    ),
    "format": ("format", "格式"),
    "size": ("size", "大小"),
    "runtime": ("computed by", "运行库"),
    "same_answer": ("same answer", "答案相同"),
    "largest_difference": ("largest difference of an output", "输出的最大差异"),
    "not_loaded": ("not compared: nothing here can load it", "未比较：本机没有能加载它的运行库"),
    "export_caption": ("Bundle: {}", "导出包：{}"),
    # -- resources -------------------------------------------------------------------------------------------------
    "resources": ("Resources", "资源占用"),
    "cpu_load": ("CPU load", "CPU 占用"),
    "cpu_caption": ("mean {}, peak {}; 100 % is one core", "平均 {}，峰值 {}；100 % 为一个核"),
    "memory": ("Memory (MiB)", "内存（MiB）"),
    "memory_caption": ("peak {} resident", "常驻内存峰值 {}"),
    "npu_use": ("NPU use", "NPU 利用率"),
    "npu_caption": ("main rank's node; mean {} of the AI cores", "主 rank 所在节点；AI Core 平均 {}"),
    "npu_memory": ("NPU memory (MB)", "NPU 内存（MB）"),
    "npu_memory_caption": ("the NPU that uses most; peak {} MB", "占用最多的 NPU；峰值 {} MB"),
    "npu_temperature": ("NPU temperature", "NPU 温度"),
    "npu_temperature_caption": ("the hottest NPU; peak {} °C", "温度最高的 NPU；峰值 {} °C"),
    "mean": ("mean", "平均"),
    "lowest": ("lowest", "最低"),
    "highest": ("highest", "最高"),
    "seconds": ("seconds", "秒"),
    "minutes": ("minutes", "分钟"),
    "features": ("features", "提取特征"),
    "training": ("training", "训练"),
    "evaluation": ("evaluation", "评测"),
    "eval": ("eval", "评测"),
    "in_all": ("in all", "合计"),
    "wall_times": ("Wall time", "用时"),
    "time_shares": ("Shares of the wall time", "用时占比"),
    "prepare": ("prepare", "准备"),
    "compile": ("compile", "编译"),
    "input wait": ("input wait", "等待数据"),
    "checkpoint": ("checkpoint", "检查点"),
    "other": ("other", "其他"),
    # -- where it comes from ---------------------------------------------------------------------------------------
    "to_reproduce": ("To reproduce", "复现方法"),
    "not_committed": ("and changes that were not committed", "另有未提交的改动"),
    "config": ("Config", "配置"),
    "surroundings": ("Environment, checkpoint, preprocessing", "环境、检查点、预处理"),
    "run": ("run", "总体"),
    "environment": ("environment", "环境"),
    "preprocessing": ("preprocessing", "预处理"),
    "evaluated": ("{} evaluated", "{}评测所用"),
    "name_not_recorded": ("name not recorded", "未记录名称"),
    "not_recorded": ("not recorded", "未记录"),
}


def words(lang: Lang = "en") -> Words:
    """All words of one language, by key."""
    place = ("en", "zh").index(lang)
    return {key: both[place] for key, both in (_WORDS | BUDGET_WORDS | COMPARISON_WORDS).items()}


ENGLISH = words("en")
