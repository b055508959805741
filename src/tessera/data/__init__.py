"""Datasets: the contract they keep, how they are stored, scaled and described."""
