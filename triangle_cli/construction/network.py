"""A batch of ReLU networks of one shape: plain weights, one leading dimension for the restarts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Network:
    """R networks `x -> W_L relu(... relu(W_1 x + b_1) ...) + b_L`, ReLU after every layer but the last.

    layers[l]: (R, out_l, in_l + 1), the weights of layer l with its biases as the last column.
    """

    layers: tuple[Tensor, ...]

    @classmethod
    def of(cls, weights: list[Tensor], biases: list[Tensor]) -> Network:
        """From weights (R, out_l, in_l) and biases (R, out_l)."""
        return cls(tuple(torch.cat([w, b.unsqueeze(2)], 2) for w, b in zip(weights, biases, strict=True)))

    @property
    def weights(self) -> list[Tensor]:
        """Each layer's weights, (R, out_l, in_l)."""
        return [layer[:, :, :-1] for layer in self.layers]

    @property
    def biases(self) -> list[Tensor]:
        """Each layer's biases, (R, out_l)."""
        return [layer[:, :, -1] for layer in self.layers]

    @property
    def restarts(self) -> int:
        """The number of networks in the batch."""
        return len(self.layers[0])

    @property
    def parameters_each(self) -> int:
        """The number of weights and biases of one network."""
        return sum(layer[0].numel() for layer in self.layers)

    def __call__(self, x: Tensor) -> Tensor:
        """The outputs at x: (n,), or (n, inputs) for more than one. Returns (R, n) or (R, outputs, n)."""
        points = x.unsqueeze(0) if x.dim() == 1 else x.T  # (inputs, n)
        values = self.propagate(points.expand(self.restarts, -1, -1))
        return values.squeeze(1) if values.shape[1] == 1 else values

    def propagate(self, values: Tensor) -> Tensor:
        """The outputs (R, outputs, n) where every network has inputs of its own: (R, inputs, n)."""
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            weight = weight.contiguous()  # else the product of many small matrices is a loop over them
            values = torch.baddbmm(bias.unsqueeze(2), weight, values.relu_() if layer else values)
        return values

    def __getitem__(self, restarts: Tensor | slice) -> Network:
        """The networks of the chosen restarts, still with a leading dimension."""
        return Network(tuple(layer[restarts] for layer in self.layers))

    def detach(self) -> Network:
        """The same networks, cut from the graph of derivatives."""
        return Network(tuple(layer.detach() for layer in self.layers))

    def is_finite(self) -> Tensor:
        """Which restarts have nothing but finite weights and biases: (R,) of bool."""
        return self.flatten().isfinite().all(1)

    def flatten(self) -> Tensor:
        """All parameters as (R, P), layer by layer, each row of weights followed by its bias."""
        return torch.cat([layer.flatten(1) for layer in self.layers], 1)

    def unflatten(self, flat: Tensor) -> Network:
        """Networks of this shape with the parameters `flat`: (R', P), in the order of `flatten`."""
        shapes = [layer.shape[1:] for layer in self.layers]
        chunks = flat.split([shape.numel() for shape in shapes], 1)
        return Network(tuple(chunk.view(-1, *shape) for chunk, shape in zip(chunks, shapes)))

    def state_dict(self) -> dict[str, Tensor]:
        """Plain tensors named as in `nn.Sequential(Linear, ReLU, Linear, ...)`, restarts leading."""
        state: dict[str, Tensor] = {}
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            state |= {f"{2 * layer}.weight": weight.contiguous(), f"{2 * layer}.bias": bias.contiguous()}
        return state

    @classmethod
    def from_state_dict(cls, state: dict[str, Tensor]) -> Network:
        """The networks that `state_dict` described."""
        names = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
        return cls.of([state[f"{name}.weight"] for name in names], [state[f"{name}.bias"] for name in names])
