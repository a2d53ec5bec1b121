"""The jobs of the doors: network, batches, training, a network back from its checkpoint."""
