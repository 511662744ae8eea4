"""What a firmware project to be measured has beside it."""

from __future__ import annotations

import json
from pathlib import Path

from sqtvm.errors import SqtvmError
from sqtvm.firmware.archive import NetworkArchive, read_archive
from sqtvm.firmware.edits import PROJECT_FILE
from sqtvm.firmware.project import Project
from sqtvm.frontend.data import fit_to_input
from sqtvm.frontend.model import Samples
from sqtvm.quantize.network import Int8Array, TensorQuantization


def board_of(project: Path) -> str:
    """The board's name as the project has it."""
    try:
        return str(json.loads((project / PROJECT_FILE).read_text(encoding="utf-8"))["board"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SqtvmError(
            f"{project}: is not a firmware project", "make one: sqtvm build"
        ) from error


def archive_of(project: Project, given: Path | None) -> NetworkArchive:
    """The archive that the project was made from, which alone knows scales and layers' names."""
    places = [given] if given else [*project.path.resolve().parent.glob("*.tar")]
    for path in places:
        network = read_archive(path)
        if network.sha256 == project.archive_sha256:
            return network
    if given:
        raise SqtvmError(f"{given}: is not what {project.path} was made from", "build it again")
    raise SqtvmError(
        f"{project.path}: the archive it was made from is not beside it", "give --archive FILE"
    )


def inputs_of(network: NetworkArchive, samples: Samples) -> Int8Array:
    """The samples as the firmware takes them: int8 [count, height, width, channels] or
    [count, features]."""
    shape = network.input.shape[1:]
    channels_first = (shape[-1], *shape[:-1]) if len(shape) == 3 else shape
    x = fit_to_input(samples, channels_first).x
    quantization = TensorQuantization(network.input.scale, network.input.zero_point)
    quantized = quantization.quantize(x)
    return quantized.transpose(0, 2, 3, 1).copy() if quantized.ndim == 4 else quantized
