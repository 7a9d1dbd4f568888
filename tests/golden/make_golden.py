#!/usr/bin/env python3
"""Writes a golden file: one ResNet, one batch, and what PyTorch computes from them in float64.

The file holds the weights, the batch, the value and the gradient of every node, the gradient of
every parameter, BN statistics after the pass, logits in evaluation mode, and the losses of 10 SGD
steps on the same batch. build/tests/golden FILE replays it.

Weights are PyTorch's defaults and images are normal numbers, both rounded to 12 bits of mantissa,
so that float32 holds them exactly and the file compresses. A ReLU has no gradient at 0: of several
draws of images, the first is taken that puts no value which matters so near to a kink that float32
may see it on the other side. --compact stores the references as
float32 (for the committed files) and --size shrinks the images.

Format, little-endian, through gzip:
  "gridfront-golden 1\\n"   u32 size, options as "key = value" lines   u32 count, then each tensor:
  u8 size and name   u8 bytes per value (4, 8: real)   u8 rank   u32 dims[rank]   the values
Layouts are gridfront's: activations [N, H, W, C], weights [filters, height, width, channels].
"""
import argparse
import copy
import gzip
import struct

import numpy as np
import torch
import torch.nn.functional as F

STEPS, LR, MOMENTUM, WEIGHT_DECAY = 10, 0.01, 0.9, 5e-4
DRAWS, NEAR, DOUBT = 8, 5e-6, 1e-3


def rounded(tensor):
    bits = tensor.detach().float().numpy().view(np.uint32).astype(np.uint64)
    return torch.from_numpy(((bits + 0x400) & 0xFFFFF800).astype(np.uint32).view(np.float32)).double()


class Net(torch.nn.Module):
    """A ResNet of BasicBlocks as a list of nodes, named as gridfront names them."""

    def __init__(self, arguments):
        super().__init__()
        self.arguments = arguments
        self.layers = torch.nn.ModuleDict()
        self.nodes = []  # (name, function or layer, names of inputs)
        self.build()

    def add(self, name, layer, *inputs):
        if isinstance(layer, torch.nn.Module):
            self.layers[name.replace(".", "/")] = layer
        self.nodes.append((name, layer, inputs))
        return name

    def conv(self, name, source, channels, filters, kernel, stride, groups):
        layer = torch.nn.Conv2d(channels, filters, kernel, stride, kernel // 2, groups=groups, bias=False)
        return self.add(name, layer, source)

    def conv3x3(self, name, source, channels, filters, stride, separable):
        if not separable:
            return self.conv(name, source, channels, filters, 3, stride, self.arguments.groups)
        source = self.conv(name + ".depthwise", source, channels, channels, 3, stride, channels)
        return self.conv(name + ".pointwise", source, channels, filters, 1, 1, 1)

    def bn(self, name, source, channels):
        return self.add(name, torch.nn.BatchNorm2d(channels), source)

    def activation(self, name, source):
        return self.add(name, F.relu if self.arguments.activation == "relu" else F.softplus, source)

    def shortcut(self, prefix, source, channels, filters, stride):
        if self.arguments.shortcut == "pad":
            before = (filters - channels) // 2
            pad = (0, 0, 0, 0, before, filters - channels - before)
            return self.add(prefix + "shortcut", lambda x: F.pad(x[:, :, ::stride, ::stride], pad), source)
        source = self.conv(prefix + "shortcut.conv", source, channels, filters, 1, stride, 1)
        return self.bn(prefix + "shortcut.bn", source, filters)

    def block(self, prefix, source, channels, filters, stride, separable):
        at = self.conv3x3(prefix + "conv1", source, channels, filters, stride, separable)
        at = self.activation(prefix + "act1", self.bn(prefix + "bn1", at, filters))
        at = self.conv3x3(prefix + "conv2", at, filters, filters, 1, separable)
        at = self.bn(prefix + "bn2", at, filters)
        if stride != 1 or channels != filters:
            source = self.shortcut(prefix, source, channels, filters, stride)
        at = self.add(prefix + "add", lambda a, b: a + b, at, source)
        return self.activation(prefix + "act2", at)

    def build(self):
        blocks = [int(count) for count in self.arguments.blocks.split(",")]
        channels = self.arguments.width
        at = self.bn("bn1", self.conv("conv1", "input", 3, channels, 3, 1, 1), channels)
        at = self.activation("act1", at)
        for stage, count in enumerate(blocks):
            filters = self.arguments.width << stage
            late = self.arguments.separable == "late" and stage >= len(blocks) - 2
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                at = self.block(f"layer{stage + 1}.{block}.", at, channels, filters, stride,
                                late or self.arguments.separable == "all")
                channels = filters
        at = self.add("pool", lambda x: x.mean((2, 3), keepdim=True), at)
        self.add("fc", torch.nn.Linear(channels, 10), at)

    def forward(self, images):
        """Logits; values and, after backward, gradients stay in self.values and self.taken."""
        self.values, self.taken = {"input": images}, {}
        for name, layer, inputs in self.nodes:
            taken = [self.values[i].view_as(self.values[i]) for i in inputs]
            if isinstance(layer, torch.nn.Linear):
                value = layer(taken[0].flatten(1))[:, :, None, None]
            else:
                value = layer(*taken)
            if value.requires_grad:
                for tensor in [value, *taken]:
                    tensor.retain_grad()
            self.values[name], self.taken[name] = value, taken
        return self.values[self.nodes[-1][0]].flatten(1)

    def named(self):
        """Gridfront's name of each parameter -> tensor."""
        names = {"weight": "weight", "bias": "bias"}
        bn_names = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "variance"}
        for path, layer in self.layers.items():
            is_bn = isinstance(layer, torch.nn.BatchNorm2d)
            tensors = dict(layer.named_parameters(recurse=False))
            tensors.update(layer.named_buffers(recurse=False) if is_bn else {})
            for key, name in (bn_names if is_bn else names).items():
                if tensors.get(key) is not None:
                    yield path.replace("/", ".") + "." + name, tensors[key]


def layout(tensor):
    tensor = tensor.detach()
    if tensor.dim() == 4:
        tensor = tensor.permute(0, 2, 3, 1)
    elif tensor.dim() == 2:  # of the fully connected layer
        tensor = tensor[:, None, None, :]
    return tensor.contiguous().numpy().copy()  # training goes on in the tensor's own memory


class Writer:
    def __init__(self, arguments):
        self.tensors, self.arguments = [], arguments

    def put(self, name, tensor):
        array = layout(tensor) if isinstance(tensor, torch.Tensor) else np.asarray(tensor, np.float64)
        self.tensors.append((name, array))

    def save(self, options):
        text = "".join(f"{key} = {value}\n" for key, value in options.items()).encode()
        with open(self.arguments.output, "wb") as raw, \
                gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=9, mtime=0) as out:
            out.write(b"gridfront-golden 1\n" + struct.pack("<I", len(text)) + text)
            out.write(struct.pack("<I", len(self.tensors)))
            for name, array in self.tensors:
                kind = "<f4" if self.arguments.compact else "<f8"
                head = struct.pack("<BB", np.dtype(kind).itemsize, array.ndim)
                out.write(struct.pack("<B", len(name)) + name.encode() + head)
                out.write(struct.pack(f"<{array.ndim}I", *array.shape) + array.astype(kind).tobytes())


def doubt(net):
    """Largest share of a ReLU's gradient that goes through values which float32 may see as 0."""
    worst = 0.0
    for name, layer, _ in net.nodes:
        if layer is F.relu:
            taken, gradient = net.taken[name][0].detach(), net.values[name].grad
            near = taken.abs() < NEAR * taken.pow(2).mean().sqrt()
            worst = max(worst, (gradient[near].norm() / gradient.norm()).item())
    return worst


def draw_batch(net, arguments):
    """Images and labels, away from kinks if one of DRAWS batches is."""
    best = None
    for _ in range(DRAWS):
        images = rounded(torch.randn(arguments.batch, 3, arguments.size, arguments.size))
        labels = torch.randint(0, 10, (arguments.batch,))
        tried = copy.deepcopy(net)
        F.cross_entropy(tried(images.clone().requires_grad_()), labels).backward()
        found = doubt(tried)
        if best is None or found < best[0]:
            best = (found, images, labels)
        if found <= DOUBT:
            break
    return best[1].requires_grad_(), best[2]


def put_pass(writer, net, images, labels):
    """One pass forward and backward in training mode; per node and per parameter."""
    for name, tensor in net.named():
        writer.put("param:" + name, tensor)
    logits = net(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    writer.put("loss", loss)
    consumers = [source for _, _, inputs in net.nodes for source in inputs]
    for name, value in net.values.items():
        writer.put("value:" + name, value)
        writer.put("gradient:" + name, value.grad)
    for name, _, inputs in net.nodes:
        for i, source in enumerate(inputs):
            if consumers.count(source) > 1:
                writer.put(f"d_in:{name}.{i}", net.taken[name][i].grad)
    for name, tensor in net.named():
        if tensor.requires_grad:
            writer.put("d_param:" + name, tensor.grad)
        else:
            writer.put("after:" + name, tensor)


def sgd_losses(net, images, labels):
    """Losses before each step. Only weights decay, as in gridfront."""
    weights = [tensor for name, tensor in net.named() if name.endswith(".weight")]
    others = [tensor for name, tensor in net.named()
              if tensor.requires_grad and not name.endswith(".weight")]
    optimizer = torch.optim.SGD([{"params": weights, "weight_decay": WEIGHT_DECAY}, {"params": others}],
                                lr=LR, momentum=MOMENTUM, nesterov=True)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    return losses


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--blocks", default="2,2,2,2", help="residual blocks of each stage")
    parser.add_argument("--groups", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--activation", choices=["relu", "softplus"], default="relu")
    parser.add_argument("--separable", choices=["none", "late", "all"], default="none")
    parser.add_argument("--shortcut", choices=["conv", "pad"], default="conv")
    parser.add_argument("--size", type=int, default=32, help="height and width of the images")
    parser.add_argument("--compact", action="store_true", help="references as float32")
    parser.add_argument("-o", "--output", required=True)
    return parser.parse_args()


def main():
    arguments = parse()
    torch.manual_seed(arguments.seed)
    torch.set_default_dtype(torch.float64)
    net = Net(arguments)
    with torch.no_grad():
        for _, tensor in net.named():
            if tensor.requires_grad:
                tensor.copy_(rounded(tensor))
    images, labels = draw_batch(net, arguments)
    writer = Writer(arguments)
    writer.put("labels", labels.numpy())
    put_pass(writer, net, images, labels)
    net.eval()
    with torch.no_grad():
        writer.put("evaluated", layout(net(images)))
    net.train()
    writer.put("losses", sgd_losses(net, images, labels))
    options = {"arch": "resnet18", "size": arguments.size, "batch": arguments.batch, "seed": arguments.seed,
               "lr": LR, "momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY}
    for key in ["width", "blocks", "groups", "separable", "shortcut", "activation"]:
        options[key] = getattr(arguments, key)
    writer.save(options)


if __name__ == "__main__":
    main()
