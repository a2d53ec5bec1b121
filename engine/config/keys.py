"""The schema seen as a flat list of dotted keys: for `--help`, for suggestions, and for reading text as text."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from common.suggest import nearest
from engine.config.schema import Config

# What users of the classic ModelZoo scripts type; command line only.
CLASSIC_NAMES = {
    "platform": "runtime.platform",
    "dataset_path": "data.path",
    "pretrain_ckpt": "finetune.pretrained",
    "freeze_layer": "finetune.freeze_layer",
    "run_distribute": "runtime.run_distribute",
    "use_lora": "finetune.lora.enabled",
    "lora_rank": "finetune.lora.rank",
    "lora_alpha": "finetune.lora.alpha",
    "epoch_size": "train.epochs",
    "batch_size": "data.batch_size",
    "seed": "train.seed",
    # ModelZoo's
    "device_target": "runtime.platform",
    "device_id": "runtime.device_id",
    "filter_head": "finetune.new_head",
}
# Keys under an older name, in recipes and run folders of before; read with a line that says so.
MOVED = {"model.head.init": "finetune.head_init"}
_WORDS = {int: "INT", float: "FLOAT", str: "TEXT", Path: "PATH", bool: "true|false", type(None): "null"}
_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


@dataclass(frozen=True)
class Key:
    """One key that a recipe may set.

    Args:
        path: dotted path, such as `train.epochs`.
        annotation: the Python type of its value.
        type_text: that type, its choices and its bounds, for people.
        default: its default, or None where it has none.
        description: one line.
        models: names of the models that have this key; empty where every model has it.
    """

    path: str
    annotation: Any
    type_text: str
    default: object
    description: str
    models: tuple[str, ...] = ()


@cache
def config_keys() -> dict[str, Key]:
    """Return every key of the schema by its dotted path, in the schema's order."""
    keys: dict[str, Key] = {}
    for key in _walk(Config, ""):
        known = keys.get(key.path)
        if known is None:
            keys[key.path] = key
        elif known.annotation == key.annotation:  # a key that two models share
            keys[key.path] = Key(**{**vars(known), "models": known.models + key.models})
        else:  # the models' own names
            annotation = known.annotation | key.annotation
            text = f"{known.type_text}|{key.type_text}"
            keys[key.path] = Key(known.path, annotation, text, known.default, known.description)
    return keys


@cache
def section_docs() -> dict[str, str]:
    """Return the first docstring line of every section by its dotted path; the top level is the empty path."""
    docs: dict[str, str] = {"": (Config.__doc__ or "")}
    for path in config_keys():
        parts = path.split(".")
        for length in range(1, len(parts)):
            section = ".".join(parts[:length])
            if section not in docs:
                docs[section] = " ".join((kind.__doc__ or "").split("\n")[0] for kind in _section_kinds(section))
    return docs


def annotation_of(path: Sequence[str]) -> Any:
    """Return the type wanted at a path of keys and list positions; None where the schema has no such key."""
    key = config_keys().get(".".join(path))
    if key is not None:
        return key.annotation
    for length in range(len(path) - 1, 0, -1):
        key = config_keys().get(".".join(path[:length]))
        if key is not None:
            return _descend(key.annotation, path[length:])
    return None


def fields_of_listed_section(path: str) -> tuple[str, ...]:
    """Return what a section inside a list may hold (`finetune.lr_groups.0.x`); empty anywhere else."""
    kind = annotation_of(path.split(".")[:-1])
    return tuple(kind.model_fields) if _is_section(kind) else ()


def model_names() -> tuple[str, ...]:
    """Return every value `model.name` may have."""
    return tuple(choice for part in union_parts(config_keys()["model.name"].annotation) for choice in get_args(part))


def union_parts(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the type itself."""
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def nearest_keys(wrong: str, extra: Sequence[str] = ()) -> list[str]:
    """Find the keys that someone who wrote `wrong` may have meant.

    Args:
        wrong: dotted path that the schema does not have.
        extra: further valid names, such as a door's own flags.

    Returns:
        At most three, the nearest first: the same leaf in another section, else whatever is spelled alike.
    """
    if wrong in CLASSIC_NAMES:
        return [CLASSIC_NAMES[wrong]]
    names = (*config_keys(), *extra)
    same_leaf = [name for name in names if name.rpartition(".")[2] == wrong.rpartition(".")[2]]
    return nearest(wrong, same_leaf, cutoff=0.0) or nearest(wrong, names)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _walk(section: type[BaseModel], prefix: str, models: tuple[str, ...] = ()) -> Iterator[Key]:
    for name, field in section.model_fields.items():
        parts = union_parts(field.annotation)
        if all(_is_section(part) for part in parts):
            for part in parts:
                chosen = get_args(part.model_fields["name"].annotation) if len(parts) > 1 else models
                yield from _walk(part, f"{prefix}{name}.", chosen)
        else:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            description = field.description or f"which {prefix.rstrip('.').rpartition('.')[2]} to use"
            yield Key(prefix + name, field.annotation, _type_text(field), default, description, models)


def _section_kinds(path: str) -> list[type[BaseModel]]:
    kinds: list[type[BaseModel]] = [Config]
    for name in path.split("."):
        fields = [kind.model_fields[name] for kind in kinds if name in kind.model_fields]
        kinds = [part for field in fields for part in union_parts(field.annotation) if _is_section(part)]
    return kinds


def _descend(annotation: Any, path: Sequence[str]) -> Any:
    """Follow list positions and the fields of listed sections inside one key's value."""
    for step in path:
        for part in union_parts(annotation):
            arguments = get_args(part)
            if get_origin(part) is tuple and step.isdecimal():
                repeated = arguments[-1] is Ellipsis or int(step) >= len(arguments)
                annotation = arguments[0] if repeated else arguments[int(step)]
                break
            if _is_section(part) and step in part.model_fields:
                annotation = part.model_fields[step].annotation
                break
        else:
            return None
    return annotation


def _type_text(field: FieldInfo) -> str:
    limits = [
        (sign, getattr(rule, name)) for rule in field.metadata for name, sign in _BOUNDS.items() if hasattr(rule, name)
    ]
    return "".join([_words(field.annotation), *(f" {sign}{limit}" for sign, limit in limits)])


def _words(annotation: Any) -> str:
    parts = union_parts(annotation)
    if len(parts) > 1:
        return "|".join(_words(part) for part in parts)
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return "|".join(str(choice) for choice in arguments)
    if get_origin(annotation) is tuple:
        if arguments[-1] is Ellipsis:
            return f"[{_words(arguments[0])}, ...]"
        return f"[{', '.join(_words(argument) for argument in arguments)}]"
    if _is_section(annotation):
        return "{" + ", ".join(f"{n}: {_words(f.annotation)}" for n, f in annotation.model_fields.items()) + "}"
    return _WORDS.get(annotation, str(annotation))
