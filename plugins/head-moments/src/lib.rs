//! Head plugins: point and distilled.
