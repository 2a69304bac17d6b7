"""Large files: bytes named by their hash (`blobs`, `xet`), and who holds them (`contents`)."""
