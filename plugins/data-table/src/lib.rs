//! Dataset plugin: any delimited table, or FASTA with targets.
