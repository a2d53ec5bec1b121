"""The ground floor: what every room needs and nobody should write twice; no MindSpore, nothing of the other rooms."""
