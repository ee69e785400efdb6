"""The C declarations of AscendCL, one file per header: the single source of the API in this project."""
