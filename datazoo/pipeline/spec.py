"""The one preprocessing value: what happens to a picture between the file and the network."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class PreprocessingSpec(BaseModel):
    """How a picture becomes the network's input; training, evaluation, prediction and export all build from it.

    The evaluation path is: decode to `color`, resize the shorter side to `resize`, crop the centre `image_size`
    square, divide by 255, subtract `mean`, divide by `std`, lay out as CHW float32.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    color: Literal["rgb", "gray"] = Field("rgb", description="channel order the network reads")
    resize: int | None = Field(
        256, gt=0, description="shorter side after resizing, pixels; null keeps the picture's size"
    )
    image_size: int = Field(224, gt=0, description="side of the square the network sees, pixels")
    interpolation: Literal["bicubic", "bilinear"] = Field(
        "bicubic", description="Pillow's antialiased filter; bilinear is for published weights, and cannot be exported"
    )
    pad: int = Field(0, ge=0, description="pixels of border (value 0) added on every side before the crop")
    mean: tuple[float, ...] = Field((0.485, 0.456, 0.406), description="per channel, in units of 0..1")
    std: tuple[float, ...] = Field((0.229, 0.224, 0.225), description="per channel, in units of 0..1")
    layout: Literal["CHW"] = Field("CHW", description="axis order handed to the network")
    dtype: Literal["float32"] = Field("float32", description="number type handed to the network")

    @property
    def channels(self) -> int:
        """Number of channels the network reads: 3 for RGB, 1 for gray."""
        return 3 if self.color == "rgb" else 1

    @model_validator(mode="after")
    def _channels_agree(self) -> PreprocessingSpec:
        for name in ("mean", "std"):
            if len(getattr(self, name)) != self.channels:
                raise ValueError(f"{name} needs {self.channels} value(s) for color {self.color}")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self


class AugmentationConfig(BaseModel):
    """Random changes of training pictures; evaluation never sees them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    random_resized_crop: bool = Field(False, description="crop a random area and resize it to a square")
    train_size: int | None = Field(
        None, gt=0, description="side of a random crop's square, pixels; null takes image_size (smaller trains faster)"
    )
    reduce_to: int | None = Field(
        None,
        gt=0,
        description="shorter side that pictures are reduced to before random crops, pixels; null: none",
    )
    crop_scale: tuple[float, float] = Field((0.35, 1.0), description="share of the area a random crop keeps")
    crop_ratio: tuple[float, float] = Field((0.75, 1.3333), description="aspect ratio of a random crop")
    horizontal_flip: float = Field(0.0, ge=0, le=1, description="probability of a left-right flip")
    color_jitter: float = Field(0.0, ge=0, le=1, description="strength of brightness/contrast/saturation jitter")
    shift: int = Field(0, ge=0, description="largest random shift, pixels (pad, then crop at random)")
    rotation: float = Field(0.0, ge=0, le=180, description="largest random rotation, degrees")
    randaugment: int = Field(0, ge=0, le=10, description="RandAugment operations per picture; 0 is off")
    randaugment_magnitude: int = Field(9, ge=0, le=30, description="RandAugment magnitude, 0 to 30")
    random_erasing: float = Field(0.0, ge=0, le=1, description="probability of erasing a random rectangle")
    mixup: float = Field(0.0, ge=0, description="mixup's Beta parameter; 0 is off")
    cutmix: float = Field(0.0, ge=0, description="CutMix's Beta parameter; 0 is off")

    @model_validator(mode="after")
    def _crops_are_random(self) -> AugmentationConfig:
        if self.train_size is not None and not self.random_resized_crop:
            raise ValueError("train_size is the side of a random crop: set random_resized_crop: true")
        if self.reduce_to is not None and not self.random_resized_crop:
            raise ValueError("reduce_to is for random crops: set random_resized_crop: true")
        return self

    @property
    def per_picture(self) -> bool:
        """Whether any change is drawn anew for every picture and epoch."""
        return bool(
            self.random_resized_crop
            or self.horizontal_flip
            or self.color_jitter
            or self.shift
            or self.rotation
            or self.randaugment
            or self.random_erasing
        )

    @property
    def mixes_labels(self) -> bool:
        """Whether training labels become distributions over the classes (mixup, CutMix)."""
        return bool(self.mixup or self.cutmix)
