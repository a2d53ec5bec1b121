"""Pages, tables and charts made from finished run folders; reads files only and imports no other room."""
