"""The parts of the U-Net, named as in diffusers so that weights go both ways.

    residual block   h = conv1(silu(norm1(x))) + W silu(e_t),   y = (shortcut(x) + conv2(silu(norm2(h)))) / scale
                     with "scale_shift":  norm2(h)·(1 + a) + b,  (a, b) = W silu(e_t)
    attention        softmax(q kᵀ/√d) v over the pixels, with a residual connection (Vaswani et al., arXiv 1706.03762)
    time             f_i = exp(−ln 10000 · i / (D/2 − shift)),  [sin(t f), cos(t f)], then two linear layers

Source: Ho et al., arXiv 2006.11239, appendix B; names and details after diffusers' UNet2DModel.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn


class TimeEmbedding(nn.Module):
    """t (N,), 0-based -> (N, dimension): sinusoids, then linear, SiLU, linear."""

    def __init__(self, frequencies: int, dimension: int, *, flip_sin_to_cos: bool, freq_shift: float) -> None:
        super().__init__()
        self.freq_shift = freq_shift
        self.register_buffer("frequencies", torch.empty(frequencies // 2), persistent=False)
        self.reset_frequencies()
        self.flip_sin_to_cos = flip_sin_to_cos
        self.odd = frequencies % 2
        self.linear_1 = nn.Linear(frequencies, dimension)
        self.linear_2 = nn.Linear(dimension, dimension)

    def reset_frequencies(self) -> None:
        """Fill in the constants; needed again after the module was emptied on to another device."""
        if self.frequencies.is_meta:
            # There is nothing to fill in yet, and torch would load its symbolic shapes (a second) to compute nothing.
            return
        half = self.frequencies.numel()
        exponent = torch.arange(half, dtype=torch.float32, device=self.frequencies.device) / (half - self.freq_shift)
        self.frequencies.copy_((-math.log(10_000.0) * exponent).exp())

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        angle = t.float()[:, None] * self.frequencies[None, :]
        halves = (angle.cos(), angle.sin()) if self.flip_sin_to_cos else (angle.sin(), angle.cos())
        wave = F.pad(torch.cat(halves, dim=1), (0, self.odd))
        return self.linear_2(F.silu(self.linear_1(wave.to(self.linear_1.weight.dtype))))


class ResidualBlock(nn.Module):
    """Two convolutions with the time in between; (N, in_channels, H, W) -> (N, out_channels, H, W)."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        time_channels: int,
        *,
        groups: int,
        eps: float,
        dropout: float,
        scale_shift: bool,
        output_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.scale_shift = scale_shift
        self.output_scale = output_scale
        self.norm1 = nn.GroupNorm(groups, in_channels, eps=eps)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_channels, out_channels * (2 if scale_shift else 1))
        self.norm2 = nn.GroupNorm(groups, out_channels, eps=eps)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else None

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        shift = self.time_emb_proj(F.silu(time))[:, :, None, None]
        if self.scale_shift:
            scale, shift = shift.chunk(2, dim=1)
            h = torch.addcmul(shift, self.norm2(h), 1 + scale)
        else:
            h = self.norm2(h + shift)
        h = self.conv2(self.dropout(F.silu(h)))
        if self.conv_shortcut is not None:
            x = self.conv_shortcut(x)
        y = x + h
        return y if self.output_scale == 1.0 else y / self.output_scale


class Attention(nn.Module):
    """Every pixel looks at every other; (N, C, H, W) -> the same shape.

    groups: None leaves the normalisation out, as diffusers does in some middle blocks.
    """

    def __init__(
        self, channels: int, head_dim: int, *, groups: int | None, eps: float, output_scale: float = 1.0
    ) -> None:
        super().__init__()
        self.heads = channels // head_dim
        self.output_scale = output_scale
        inner = self.heads * head_dim
        self.group_norm = nn.GroupNorm(groups, channels, eps=eps) if groups is not None else None
        self.to_q = nn.Linear(channels, inner)
        self.to_k = nn.Linear(channels, inner)
        self.to_v = nn.Linear(channels, inner)
        self.to_out = nn.ModuleList([nn.Linear(inner, channels)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, height, width = x.shape
        h = x.reshape(n, c, height * width)
        if self.group_norm is not None:
            h = self.group_norm(h)
        h = h.transpose(1, 2)
        q, k, v = (
            layer(h).reshape(n, height * width, self.heads, -1).transpose(1, 2)
            for layer in (self.to_q, self.to_k, self.to_v)
        )
        h = attend(q, k, v)
        h = self.to_out[0](h.transpose(1, 2).reshape(n, height * width, -1))
        y = h.transpose(1, 2).reshape(n, c, height, width) + x
        return y if self.output_scale == 1.0 else y / self.output_scale


_FEW_TOKENS = 256


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """softmax(q k^T / sqrt(D)) v, each (N, heads, tokens, D).

    By torch's own function, but not in bfloat16 on a CPU: its kernel is many times slower there than the products one
    by one (there and back on two cores with AVX-512 BF16, 64 pictures: 8 heads of 8 on 64 tokens 37 instead of 8 ms,
    one head of 64 on 16 tokens 2.4 instead of 0.6 ms). These are taken while their table of weights is small.
    """
    if q.dtype is not torch.bfloat16 or q.device.type != "cpu" or q.shape[2] > _FEW_TOKENS:
        return F.scaled_dot_product_attention(q, k, v)
    weights = torch.softmax((q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5, dim=-1)
    return weights.to(q.dtype) @ v


class Downsample(nn.Module):
    """Halves height and width, rounding up. padding 0 pads right and below only, as the first DDPM code did."""

    def __init__(self, channels: int, padding: int) -> None:
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=padding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.padding == 0:
            # An odd side needs one more than the even one to end at half, rounded up.
            x = F.pad(x, (0, 1 + x.shape[3] % 2, 0, 1 + x.shape[2] % 2))
        return self.conv(x)


class Upsample(nn.Module):
    """Doubles height and width by repeating pixels, cut to `size`, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor, size: torch.Size | tuple[int, int]) -> torch.Tensor:
        height, width = size
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest")[:, :, :height, :width])
