"""What executes: descriptions of models, and the readers that make executables of files."""
