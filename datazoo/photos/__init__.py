"""Which pictures show one photo: copies, mirrored, turned, brighter, re-saved or slightly cropped ones."""
