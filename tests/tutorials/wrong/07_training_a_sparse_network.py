"""Answers to the exercises of 07_training_a_sparse_network that are wrong, each with a part of what is to be told."""

import numpy as np

import nerva_py as nv


def densities__above_one(shapes, epsilon):
    """hint: no density is above 1"""
    K, D = shapes.T
    return epsilon * (K + D) / (K * D)


def deviations__outputs(mask):
    """has shape (4,), but (7,) is expected"""
    return np.sqrt(2 / np.maximum(mask.sum(axis=0), 1))


def number_cut_off__twice(M1, M2):
    """✗ number_cut_off returns"""
    return (M1.sum(axis=1) == 0).sum() + (M2.sum(axis=0) == 0).sum()


def within_budget__too_many(data):
    """raises ValueError: 5,044 weights; 3,000 are allowed"""
    return nv.mlp("ReLU;ReLU;Linear", [64, 256, 128, 10], overall_density=0.1, seed=1)


def within_budget__untrained(data):
    """of the test images; 93 % are asked for"""
    return nv.mlp("ReLU;Linear", [64, 30, 10], seed=1)
