"""PyTorch modules as people write them; imported by tests that need torch."""

from __future__ import annotations

import torch
from torch import nn


class Net(nn.Module):
    """As people write them: other modules, in containers, with a flatten."""

    def __init__(self, bias: bool = True):
        super().__init__()
        self.flatten = nn.Flatten()
        self.body = nn.Sequential(
            nn.Linear(9, 12, bias=bias),
            nn.BatchNorm1d(12),
            nn.ReLU(),
            nn.Sequential(nn.Dropout(0.2), nn.Linear(12, 12)),
        )
        self.act = nn.Tanh()
        self.head = nn.Linear(12, 5)

    def forward(self, X):
        return self.head(self.act(self.body(self.flatten(X))))


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(9, 8), nn.Linear(8, 3)

    def forward(self, X):
        return self.second(torch.relu(self.first(X)))


class Images(Functional):
    def forward(self, X):
        return super().forward(X.reshape(-1, 1, 3, 3).permute(0, 2, 3, 1, 4))
