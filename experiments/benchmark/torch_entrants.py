"""The same networks in PyTorch, an optional extra (`bench`)."""

import torch
from torch import nn

from keras_transfer.specs.architectures import LayerRow, layer_rows
from keras_transfer.specs.presets import Recipe

CLASSES = 50


def _block(row: LayerRow, channels: int, last: bool) -> list[nn.Module]:
    if row.kernel:
        padding = row.kernel // 2 if row.padding == "same" else 0
        block = [
            nn.Conv2d(
                channels,
                row.units,
                row.kernel,
                row.stride,
                padding,
                groups=row.groups,
                bias=not row.batch_norm,
            )
        ]
    else:
        block = [nn.LazyLinear(row.units, bias=not row.batch_norm)]
    if last:
        return block
    pooling = []
    if row.pool:
        same = row.pool_padding == "same"
        pooling = [nn.MaxPool2d(row.pool, 2, ceil_mode=same)]
    if row.batch_norm:
        norm = nn.BatchNorm2d if row.kernel else nn.BatchNorm1d
        block += [*pooling, norm(row.units), nn.ReLU(inplace=True)]
    else:
        block += [nn.ReLU(inplace=True), *pooling]
    if row.lrn:
        block.append(nn.LocalResponseNorm(5))
    if row.dropout:
        block.append(nn.Dropout(row.dropout))
    return block


def _network(recipe: Recipe) -> nn.Sequential:
    rows = layer_rows(recipe.model, CLASSES)
    blocks, channels = [], 3
    for index, row in enumerate(rows):
        if not row.kernel and rows[index - 1].kernel:
            blocks.append(nn.Flatten())
        blocks += _block(row, channels, index == len(rows) - 1)
        channels = row.units
    network = nn.Sequential(*blocks)
    network(torch.zeros(2, 3, recipe.crop, recipe.crop))  # sizes fc6
    return network.to(memory_format=torch.channels_last)


def training(
    threads: int, recipe: Recipe, steps: int, precision: str, compiled: bool
) -> dict:
    """Returns training steps on ready-made images, channels last, on the GPU
    if there is one.

    Args:
        threads: Integer.
        recipe: `Recipe`.
        steps: Integer, training steps a work.
        precision: String, `"float32"` or `"bfloat16"`.
        compiled: Boolean, whether `torch.compile` is used.

    Returns:
        Dict of one callable that returns images.
    """
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    solver = recipe.solver
    network = _network(recipe).train().to(device)
    step_of = torch.compile(network) if compiled else network
    optimizer = torch.optim.SGD(
        network.parameters(),
        solver.learning_rate,
        momentum=solver.momentum,
        nesterov=solver.nesterov,
        weight_decay=solver.weight_decay,
    )
    shape = (solver.batch_size, 3, recipe.crop, recipe.crop)
    images = torch.randn(shape).to(device, memory_format=torch.channels_last)
    labels = torch.randint(0, CLASSES, shape[:1]).to(device)
    loss = nn.CrossEntropyLoss()

    def work():
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(
                device, torch.bfloat16, enabled=precision == "bfloat16"
            ):
                value = loss(step_of(images), labels)
            value.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return steps * solver.batch_size

    return {"training": work}
