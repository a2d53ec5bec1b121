"""Kernels in C++ for the layers that take MindSpore longest on a CPU."""
