"""Export bundles: model files with the proof that they compute what the trained network computes."""
