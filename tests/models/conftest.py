"""Every test of a network starts from the same chance."""

import pytest
import torch


@pytest.fixture(autouse=True)
def chance():
    torch.manual_seed(0)
