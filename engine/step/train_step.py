"""One training step: forward, backward, unscale, overflow check, reduce, clip, accumulate, update."""

from __future__ import annotations

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops

from engine.config.optimizer_section import AmpConfig
from engine.step.gradient_reducer import FlatGradReducer
from engine.step.optimizer import GroupedOptimizer

Gradients = tuple[Tensor, ...]
"""One float32 tensor for each trained parameter, in the optimiser's order."""

StepOutputs = tuple[Tensor, Tensor, Tensor, Tensor]
"""Loss (float32 scalar), right answers (float32 count), loss scale (float32 scalar), overflow (bool scalar).

Of several steps that ran together: four float32 arrays (steps,), where 1 is an overflow.
"""


class TrainStep(nn.Cell):
    """The network that `mindspore.train.Model` calls once a batch.

    MindSpore's own dynamic loss scaling needs kernels that a CPU does not have, so the gradients are checked here,
    with operators that every device runs; with several ranks the flags are summed, so all skip together.

    Args:
        network: returns (loss, correct) of a batch.
        optimizer: its cell updates the parameters.
        amp: loss scaling.
        clip_norm: largest global norm of the gradient, or None.
        accumulate_steps: steps whose gradients are averaged into one update.
        ema_decay: decay of the moving average of the weights, or None.
        ema_warmup: let the average follow quickly at first: its n-th update has the decay min(ema_decay, n / (9 + n)),
            as TensorFlow's ExponentialMovingAverage with `num_updates`.
        ranks: number of processes whose gradients are averaged.
        allreduce_mib: size of the pieces in which they are, or None for one piece.

    A call takes a batch and returns `StepOutputs`: image, float32 (B, ...); label, int32 (B,), or float32
    (B, num_classes) where labels are mixed.
    """

    def __init__(
        self,
        network: nn.Cell,
        optimizer: GroupedOptimizer,
        amp: AmpConfig | None = None,
        *,
        clip_norm: float | None = None,
        accumulate_steps: int = 1,
        ema_decay: float | None = None,
        ema_warmup: bool = False,
        ranks: int = 1,
        allreduce_mib: float | None = None,
    ) -> None:
        super().__init__(auto_prefix=False)
        amp = amp or AmpConfig()
        self.network = network
        self.optimizer = optimizer.cell
        self.weights = optimizer.cell.parameters
        self.clip_norm = clip_norm
        self.accumulate_steps = accumulate_steps
        self.checks_overflow = amp.loss_scale != "none"
        self.scaler = (
            nn.DynamicLossScaleUpdateCell(amp.init_scale, amp.scale_factor, amp.scale_window)
            if amp.loss_scale == "dynamic"
            else None
        )
        scale = amp.init_scale if self.checks_overflow else 1.0
        self.loss_scale = Parameter(Tensor(scale, ms.float32), name="loss_scale", requires_grad=False)
        self.reducer = FlatGradReducer(self.weights, ranks, allreduce_mib) if ranks > 1 else None
        self.sum_over_ranks = ops.AllReduce() if ranks > 1 else None
        if accumulate_steps > 1:
            self.gradient_sums = self.weights.clone("gradient_sums", init="zeros")
            self.micro_step = Parameter(Tensor(0, ms.int32), name="micro_step", requires_grad=False)
        self.ema_decay = ema_decay
        self.ema_warmup = ema_warmup
        if ema_decay is not None:
            self.ema = self.weights.clone("ema")
            if ema_warmup:
                self.ema_updates = Parameter(Tensor(0, ms.int32), name="ema_updates", requires_grad=False)
        self.value_and_grad = ops.value_and_grad(self._scaled_loss, None, weights=self.weights, has_aux=True)

    def _scaled_loss(self, image: Tensor, label: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        loss, correct = self.network(image, label)
        return loss * self.loss_scale if self.checks_overflow else loss, loss, correct

    def construct(self, image: Tensor, label: Tensor) -> StepOutputs:
        """Take one step; a step whose gradients overflow changes nothing but the loss scale."""
        (_, loss, correct), scaled = self.value_and_grad(image, label)
        gradients: Gradients = ()
        for gradient in scaled:
            gradient = ops.cast(gradient, ms.float32)
            gradients += (gradient / self.loss_scale if self.checks_overflow else gradient,)
        scale = self.loss_scale.value()
        overflow = Tensor(False)
        if self.checks_overflow:
            # Checked before the reduction, so that the flag, and not a NaN, travels between the ranks.
            overflow = self._overflows(gradients)
            if self.scaler is not None:
                overflow = self.scaler(self.loss_scale, overflow)
        if self.reducer is not None:
            gradients = self.reducer(gradients)
        if self.checks_overflow:
            if not overflow:
                loss = ops.depend(loss, self._apply(gradients))
        else:
            loss = ops.depend(loss, self._apply(gradients))
        return loss, correct, scale, overflow

    def _overflows(self, gradients: Gradients) -> Tensor:
        bad = ops.cast(0, ms.float32)
        for gradient in gradients:
            bad = bad + ops.cast(ops.logical_not(ops.isfinite(gradient).all()), ms.float32)
        if self.sum_over_ranks is not None:
            bad = self.sum_over_ranks(bad)
        return bad > 0

    def _apply(self, gradients: Gradients) -> Tensor | bool:
        if self.accumulate_steps == 1:
            return self._update(gradients)
        for total, gradient in zip(self.gradient_sums, gradients):  # noqa: B905 (graph mode knows no strict=)
            ops.assign_add(total, gradient / self.accumulate_steps)
        ops.assign_add(self.micro_step, Tensor(1, ms.int32))
        if self.micro_step % self.accumulate_steps == 0:
            self._update(self.gradient_sums)
            for total in self.gradient_sums:
                ops.assign(total, ops.zeros_like(total))
        return True

    def _update(self, gradients: Gradients) -> Tensor | bool:
        if self.clip_norm is not None:
            gradients = ops.clip_by_global_norm(gradients, self.clip_norm)
        done = self.optimizer(gradients)
        if self.ema_decay is not None:
            kept, taken = self._ema_shares(self.ema_decay)
            for average, weight in zip(self.ema, self.weights):  # noqa: B905 (graph mode knows no strict=)
                done = ops.depend(done, ops.assign(average, average * kept + weight * taken))
        return done

    def _ema_shares(self, decay: float) -> tuple[float | Tensor, float | Tensor]:
        """What this update keeps of the average, and what it takes from the weights."""
        if not self.ema_warmup:
            return decay, 1 - decay
        ops.assign_add(self.ema_updates, Tensor(1, ms.int32))
        count = ops.cast(self.ema_updates, ms.float32)
        # Each has its bound, so that an average after its warm-up is one without to the bit.
        return ops.minimum(count / (9 + count), decay), ops.maximum(9 / (9 + count), 1 - decay)
