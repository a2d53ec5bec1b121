"""What an edge developer gets for MindSpore Lite."""
