"""Which of five voices speaks: one-second windows of real recordings, as torch Datasets.

The recordings are the telephone prompts of Debian's packages asterisk-core-sounds-LANGUAGE-wav,
8 kHz, one speaker a language. Prompts are split by name, so that what is tested on was not
heard in training in any language.
"""

from __future__ import annotations

import os
import wave
import zlib
from pathlib import Path

import numpy as np
import torch
from features import WINDOW, coefficients
from torch import Tensor
from torch.utils.data import Dataset, Subset, TensorDataset

DEFAULT_FOLDER = "/usr/share/asterisk/sounds"
VOICES = {
    "en": "en_US_f_Allison",
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "it": "it_IT_m_Carlo",
    "ru": "ru_RU_f_IvrvoiceRU",
}
RATE = 8000
STEP = RATE // 2
# Windows whose loudest sample is below this are pauses.
QUIETEST = 0.05
CALIBRATION_SAMPLES = 512


def train() -> Dataset[tuple[Tensor, ...]]:
    """Pairs of float32 (1, 49, 10) and the voice, 0 to 4, from four fifths of the prompts."""
    return _read(lambda name: _fifth(name) != 0)


def test() -> Dataset[tuple[Tensor, ...]]:
    """The same from the other fifth."""
    return _read(lambda name: _fifth(name) == 0)


def calibration() -> Dataset[tuple[Tensor, ...]]:
    """512 training windows, drawn once with a fixed seed."""
    windows = train()
    chosen = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    return Subset(windows, chosen[:CALIBRATION_SAMPLES].tolist())


def _fifth(name: str) -> int:
    return zlib.crc32(name.encode()) % 5


def _read(wanted: object) -> TensorDataset:
    inputs, labels = [], []
    root = Path(os.environ.get("ASTERISK_SOUNDS", DEFAULT_FOLDER))
    for label, (language, folder) in enumerate(VOICES.items()):
        paths = sorted((root / folder).rglob("*.wav"))
        if not paths:
            raise FileNotFoundError(
                f"{root / folder} holds no recordings: apt install "
                f"asterisk-core-sounds-{language}-wav, or set ASTERISK_SOUNDS"
            )
        for path in paths:
            if wanted(str(path.relative_to(root / folder))):  # type: ignore[operator]
                windows = _windows(path)
                inputs += [coefficients(window) for window in windows]
                labels += [label] * len(windows)
    return TensorDataset(torch.from_numpy(np.stack(inputs)[:, None]), torch.tensor(labels))


def _windows(path: Path) -> list[np.ndarray]:
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getsampwidth(), file.getnchannels()) != (RATE, 2, 1):
            raise ValueError(f"{path} is not 8 kHz, 16 bits, mono")
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / np.float32(32768)
    cut = [samples[start : start + WINDOW] for start in range(0, len(samples) - WINDOW + 1, STEP)]
    return [window for window in cut if np.abs(window).max() >= QUIETEST]
