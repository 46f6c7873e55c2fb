//! Dataset plugin: lentiMPRA tables and archives.
