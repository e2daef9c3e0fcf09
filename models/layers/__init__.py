"""Parts of a block: state spaces, somas, mixings, the norm; and their weights on disk."""
