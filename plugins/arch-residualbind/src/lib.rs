//! Architecture plugin: ResidualBind of the lentiMPRA studies.
