"""What a bundle is: manifest, labels, files that are checked before they are believed."""
