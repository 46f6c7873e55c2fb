//! Dataset plugin: DeepSTARR tables, FASTA and HDF5 files.
