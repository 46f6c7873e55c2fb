//! Outlines of the letters A, C, G, T in a square of 100 × 100, top left origin: logos need no
//! font.

/// Path data in the order A C G T.
pub(super) const GLYPHS: [&str; 4] = [
    "M0 100L37 0H63L100 100H79L71.5 78H28.5L21 100ZM35 60H65L50 17Z",
    "M96.6 19.2A54 50 0 1 0 96.6 80.8L80 69.1A33 31 0 1 1 80 30.9Z",
    "M96.6 19.2A54 50 0 1 0 98.2 78.7V45H54V62H78V71.3A33 31 0 1 1 80 30.9Z",
    "M0 0H100V18H61V100H39V18H0Z",
];

/// Names in the same order.
pub(super) const BASES: [&str; 4] = ["A", "C", "G", "T"];
