"""One training on several processes that torchrun started, on one machine or many, over Hugging Face accelerate.

    torchrun --nproc-per-node=4 -m studio train DATA --out MODEL.safetensors

Every process draws the random numbers of the whole batch and computes its part of it; the gradients are summed and each
takes the same step. The batch stays what the settings say it is, so the run is the same as that of one process, to the
rounding of sums in another order, and may be gone on with on any other number of processes.

accelerate (extra `distributed`) finds the other processes and this one's device: gloo on CPUs, NCCL on CUDA. What the
processes have to agree on goes from CPU to CPU in either case.
"""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor, nn

from studio.errors import DeviceError, SettingsError, TrainingError
from studio.networks.devices import Device, available_devices, choose_device, usable_cores
from studio.training.ranks import Alone, Ranks

if TYPE_CHECKING:
    from accelerate import PartialState

TIMEOUT = datetime.timedelta(minutes=30)
"""How long a process waits in the middle of a training for one that does not answer.

A process that ends is noticed at once; this is for a machine that vanishes from the network. Rows, checkpoints and
measurements of process 0, for which the others wait, take less."""

_PATIENCE = datetime.timedelta(days=7)
"""How long processes wait while another one reads the data."""

_EXTRA = 'Install it with: pip install "diffusion-studio[distributed]".'
_GONE = "Another process of this training has ended or cannot be reached any more."
_GO_ON = "Look at what it said; then start them all again, adding --resume."


def launched_by_torchrun(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is one of several that belong together, as torchrun (or accelerate launch) tells them."""
    return int(environment.get("WORLD_SIZE", "1")) > 1 and "RANK" in environment


@contextlib.contextmanager
def joined(device_name: str = "auto") -> Iterator[tuple[Ranks, Device]]:
    """The processes of this training and the device of this one, as long as the block lasts.

    `device_name` is what `choose_device` takes; "auto" and "cuda" give every process of a machine a GPU of its own.
    A process that torchrun did not start is `Alone`.

    Raises SettingsError without accelerate, DeviceError when the devices do not go round, TrainingError when the other
    processes cannot be reached.
    """
    if not launched_by_torchrun():
        yield Alone(), choose_device(device_name)
        return
    ranks = Accelerated(device_name)
    try:
        yield ranks, ranks.device
    finally:
        ranks.close()


@contextlib.contextmanager
def one_of_each_machine_first(ranks: Ranks) -> Iterator[None]:
    """One process of each machine goes through the block before the others of that machine do.

    For what leaves something behind that saves the others the work, such as reading the data. Nothing in the block may
    talk to other processes.
    """
    if not isinstance(ranks, Accelerated):
        yield
        return
    if ranks.local_index != 0:
        ranks.wait()
    yield
    if ranks.local_index == 0:
        ranks.wait()


def part_of(batch_size: int, index: int, count: int) -> slice:
    """The pictures of process `index` of `count`: parts that differ by one picture at most, the larger ones first.

    Raises SettingsError when some process would have none.
    """
    if count > batch_size:
        raise SettingsError(
            f"There are {count} processes but only {batch_size} pictures in a batch.",
            "Start fewer processes, or train with larger batches.",
        )
    size, larger = divmod(batch_size, count)
    start = index * size + min(index, larger)
    return slice(start, start + size + (index < larger))


class Accelerated:
    """`Ranks` over accelerate. Make one for each process, use it in the thread that trains, and `close` it.

    index, count: see Ranks. local_index, local_count: the same among the processes of this machine.
    device: where this process computes.
    """

    def __init__(self, device_name: str = "auto") -> None:
        self.local_index = int(os.environ.get("LOCAL_RANK", "0"))
        self.local_count = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        self.device = choose_own_device(device_name, self.local_index, self.local_count)
        self._state = _connect(on_cpu=self.device.kind == "cpu")
        self.index: int = self._state.process_index
        self.count: int = self._state.num_processes
        with _explained():
            self._decisions = dist.new_group(backend="gloo", timeout=TIMEOUT)
            self._waiting = dist.new_group(backend="gloo", timeout=_PATIENCE)
        if self.device.kind == "cpu":
            # torchrun leaves one thread to each process unless told otherwise.
            torch.set_num_threads(max(1, usable_cores() // self.local_count))
        self._flat: Tensor | None = None

    def part(self, batch_size: int) -> slice:
        return part_of(batch_size, self.index, self.count)

    @torch.no_grad()
    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        # All in one buffer: a hundred small messages would take longer than their content.
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        sizes = [gradient.numel() for gradient in gradients]
        if self._flat is None or self._flat.numel() != sum(sizes):
            self._flat = torch.empty(sum(sizes), device=gradients[0].device, dtype=gradients[0].dtype)
        views = [part.view(gradient.shape) for part, gradient in zip(self._flat.split(sizes), gradients, strict=True)]
        torch._foreach_copy_(views, gradients)
        with _explained():
            dist.all_reduce(self._flat)
        torch._foreach_copy_(gradients, views)

    def sum(self, values: Tensor) -> Tensor:
        total = values.detach().clone()
        with _explained():
            dist.all_reduce(total, group=self._decisions if total.device.type == "cpu" else None)
        return total

    def agree(self, values: Sequence[float]) -> tuple[float, ...]:
        shared = torch.tensor(values, dtype=torch.float64)
        with _explained():
            dist.broadcast(shared, src=0, group=self._decisions)
        return tuple(shared.tolist())

    def any(self, flag: bool) -> bool:
        shared = torch.tensor([int(flag)])
        with _explained():
            dist.all_reduce(shared, op=dist.ReduceOp.MAX, group=self._decisions)
        return bool(shared.item())

    def wait(self) -> None:
        """Return when all processes have called this, however long that takes."""
        with _explained():
            dist.barrier(group=self._waiting)

    def close(self) -> None:
        """Leave the other processes."""
        # A process that leaves after an error must not wait for those that it leaves.
        with contextlib.suppress(RuntimeError):
            self._state.destroy_process_group()


def choose_own_device(name: str, local_index: int, local_count: int) -> Device:
    """The device called `name` that process `local_index` of the `local_count` on this machine has for itself.

    CPUs are shared. "auto" takes GPUs when there is one for each process, else the CPU. Raises DeviceError.
    """
    devices = available_devices()
    own = [device for device in devices if device.kind == "cuda"][local_index:][:1]
    enough = sum(device.kind == "cuda" for device in devices) >= local_count
    if name in ("auto", "cuda") and enough:
        return own[0]
    if name == "auto":
        return choose_device("cpu")
    device = choose_device(name)
    if device.kind != "cpu" and local_count > 1:
        raise DeviceError(
            f"{local_count} processes cannot share the device {name!r}.",
            "Start one process for each GPU (--nproc-per-node), or train on the CPU (--device cpu).",
        )
    return device


def _connect(*, on_cpu: bool) -> PartialState:
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise SettingsError("Training on several processes needs the package accelerate.", _EXTRA) from error
    # accelerate would otherwise count the cores of the whole machine, with a package that need not be there.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        return PartialState(cpu=on_cpu, backend="gloo" if on_cpu else "nccl", timeout=TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise TrainingError(
            f"The other processes of this training cannot be reached ({_first_line(error)}).",
            "Start all of them with the same torchrun command, and see that the machines can reach each other.",
        ) from error


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn what torch raises when another process is gone into a sentence."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise TrainingError(f"{_GONE} ({_first_line(error)})", _GO_ON) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200]
