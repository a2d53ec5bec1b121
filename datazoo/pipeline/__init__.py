"""From a picture to the network's input: one preprocessing, augmentation, order, batches."""
