"""sqtvm from Python, cell by cell: train a small network, deploy it, look at the result.

Run it whole with `python deploy.py`, or cell by cell in an editor that knows `# %%`.
"""

# %% Pictures of garments, 28x28 grey pixels, which Debian's dataset-fashion-mnist brings.
from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

import sqtvm

sys.path.append(str(Path(__file__).resolve().parents[1] / "resnet8"))

import fashion_mnist

train, test = fashion_mnist.train(), fashion_mnist.test()
images, labels = train.tensors

# %% A small network, trained for a minute.
torch.manual_seed(0)
model = nn.Sequential(
    *(nn.Conv2d(1, 16, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
    *(nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
    *(nn.Conv2d(32, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
    *(nn.Flatten(), nn.Linear(32 * 4 * 4, 10)),
)
steps = 800
optimizer = torch.optim.Adam(model.parameters(), 0.01)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
for step in range(steps):
    batch = torch.randint(len(images), (128,))
    loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 100 == 99:
        print(f"step {step + 1}: loss {loss.item():.3f}")

# %% Deploy it: at most five milliseconds, and an image of at most 24 KiB.
result = sqtvm.deploy(
    model.eval(),
    test,
    training=train,
    board="stm32h743",
    budget=sqtvm.Budget(ms=5, flash_bytes=24 * 1024),
    out="sqtvm-out",
    on_progress=lambda progress: print(f"{progress.stage}: {progress.message}"),
)

# %% What was chosen, and whether it holds.
report = result.report
for layer in report.layers:
    print(f"{layer.name:>4} {layer.op:<12} bits {layer.weight_bits or '-':>2} {layer.ms:.3f} ms")
for verdict in report.verdicts:
    print(f"{verdict.budget}: {verdict.reached} of {verdict.limit} {verdict.unit}: {verdict.holds}")
print(f"accuracy {report.accuracy.allocated:.3f}, float {report.accuracy.float_:.3f}")
print(f"the firmware and report.html are in {result.out}")
