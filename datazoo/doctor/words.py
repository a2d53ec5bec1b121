"""What the doctor's page and its lines say, in English and Chinese."""

from __future__ import annotations

from typing import Literal

Lang = Literal["en", "zh"]

# Kind: its title, and what it means and what to do.
_ENGLISH = {
    "refused": (
        "Training would refuse these data",
        "A recipe that names them and nothing else ends with this message.",
    ),
    "broken": ("Cannot be decoded", "Training stops at these, or leaves them out with data.on_bad_image: skip."),
    "leak": (
        "Copies across splits",
        "Byte-identical pictures in two splits: the score on the later one is partly a score on training pictures.",
    ),
    "other_label": (
        "Copies under different labels",
        "The same file in two classes: at least one of the labels is wrong.",
    ),
    "empty_class": ("Classes without pictures", "Add pictures, or remove the folder."),
    "other_classes": ("Classes that train lacks", "Nothing can learn them: training refuses these folders."),
    "unscored_class": ("Classes that val or test lacks", "No score says anything about them there."),
    "near_leak": (
        "Near copies across splits",
        "Pictures of one photo in two splits, re-saved, brighter, cropped, mirrored or turned: they flatter the score.",
    ),
    "near_label": (
        "Look alike under different labels",
        "May be one photo with two labels, or two things that look alike: have a look.",
    ),
    "copy": ("Copies within a split", "Harmless to scores, but they count the same picture several times."),
    "near_copy": ("Near copies within a split", "Pictures of one photo; a split that is made keeps them together."),
    "rotated": ("Turned by EXIF", "Shown and trained on upright; programs that ignore EXIF see them lying."),
    "tiny": ("Very small", "Under 32 pixels: they are enlarged, and show little."),
    "huge": ("Very large", "Above 20 megapixels: they decode slowly; smaller copies train as well."),
    "animated": ("Animated", "The first frame is taken."),
    "gray": ("Gray", "Become RGB with three equal channels."),
    "cmyk": ("CMYK", "Converted without a colour profile: colours may shift."),
    "ending": ("Ending of another format", "Opened by content, so this works here; other programs may refuse them."),
    "stray": ("Left out", "Files and folders that are no pictures, or lie in no class."),
}
_CHINESE = {
    "refused": ("训练会拒绝这份数据", "只给出数据路径的配方会以这条信息结束。"),
    "broken": ("无法解码", "训练遇到它们会停止；设 data.on_bad_image: skip 则跳过。"),
    "leak": ("跨划分的相同文件", "同一个文件同时出现在两个划分里：后一个划分的精度有一部分其实是训练图片的精度。"),
    "other_label": ("标签不同的相同文件", "同一个文件放在两个类别里：至少有一个标签是错的。"),
    "empty_class": ("没有图片的类别", "请补充图片，或删除该文件夹。"),
    "other_classes": ("训练集缺少的类别", "没有训练图片就学不会：训练会拒绝这些文件夹。"),
    "unscored_class": ("验证集或测试集缺少的类别", "那里的精度不能说明这些类别。"),
    "near_leak": ("跨划分的近似图片", "同一张照片（重新保存、调亮、裁剪、镜像或旋转）出现在两个划分里，会使精度虚高。"),
    "near_label": ("标签不同但看起来相同", "可能是同一张照片标了两个标签，也可能只是东西相像：请看一眼。"),
    "copy": ("划分内的相同文件", "不影响评测是否可信，但同一张图片被计算了多次。"),
    "near_copy": ("划分内的近似图片", "同一张照片的多个版本；自动划分时会放在同一边。"),
    "rotated": ("EXIF 旋转", "这里按正确方向显示和训练；忽略 EXIF 的程序看到的是躺着的图片。"),
    "tiny": ("尺寸过小", "短边不足 32 像素：会被放大，信息很少。"),
    "huge": ("尺寸过大", "超过 2000 万像素：解码慢，缩小后训练效果相同。"),
    "animated": ("动图", "只取第一帧。"),
    "gray": ("灰度图", "转成三个通道相等的 RGB。"),
    "cmyk": ("CMYK", "转换时不使用色彩配置文件，颜色可能有偏差。"),
    "ending": ("扩展名与格式不符", "这里按内容打开，可以使用；别的程序可能打不开。"),
    "stray": ("未使用的文件", "不是图片，或不在任何类别文件夹里。"),
}
_PAGE = {
    "en": {
        "title": "Data check",
        "passes": "passes",
        "fails": "has problems",
        "split": "split",
        "pictures": "pictures",
        "classes": "classes",
        "a_class": "a class",
        "found": "Found",
        "kind": "kind",
        "count": "pictures",
        "nothing": "Nothing is wrong.",
        "more": "more",
        "in_json": "all of them are in doctor.json",
        "mirrored_or_turned": "mirrored or turned",
        "problem": "PROBLEM",
        "to_mend": "A clean copy, with the reason for every file that is left out:",
    },
    "zh": {
        "title": "数据体检",
        "passes": "通过",
        "fails": "有问题",
        "split": "划分",
        "pictures": "图片数",
        "classes": "类别数",
        "a_class": "每类",
        "found": "发现",
        "kind": "种类",
        "count": "图片数",
        "nothing": "没有发现问题。",
        "more": "更多",
        "in_json": "全部列在 doctor.json 里",
        "mirrored_or_turned": "镜像或旋转",
        "problem": "问题",
        "to_mend": "生成一份干净的副本，并逐个文件说明剔除原因：",
    },
}
_KINDS = {"en": _ENGLISH, "zh": _CHINESE}


def title_of(kind: str, lang: Lang = "en") -> str:
    """What a kind of finding is called."""
    return _KINDS[lang][kind][0]


def meaning_of(kind: str, lang: Lang = "en") -> str:
    """What a kind of finding means, and what to do about it."""
    return _KINDS[lang][kind][1]


def words(lang: Lang) -> dict[str, str]:
    """The other words of the page."""
    return _PAGE[lang]
